namespace HeadKvLab.Models;

/// <summary>
/// How rotary frequencies are stretched for contexts longer than the model was first trained for. Only the rules that
/// this lab computes exactly exist here; config files that name another (dynamic, yarn, longrope) are refused by name.
/// </summary>
public abstract record RopeScaling;

/// <summary>Position interpolation (Chen et al. 2023, arXiv:2306.15595): every frequency divided by one factor.</summary>
/// <param name="Factor">Stretch, at least 1.</param>
public sealed record LinearRopeScaling(double Factor) : RopeScaling;

/// <summary>
/// Llama 3.1's rule: wavelengths longer than <c>OriginalMaxPositions / LowFrequencyFactor</c> are stretched by <c>Factor</c>, those shorter
/// than <c>OriginalMaxPositions / HighFrequencyFactor</c> are left alone, and between the two the frequency is blended linearly.
/// </summary>
/// <param name="Factor">Stretch of the long wavelengths (8 in Llama 3.1, 32 in Llama 3.2).</param>
/// <param name="LowFrequencyFactor">Sets the longest wavelength that is blended (1).</param>
/// <param name="HighFrequencyFactor">Sets the shortest wavelength that is blended (4).</param>
/// <param name="OriginalMaxPositions">Context of the first training, tokens (8,192).</param>
public sealed record Llama3RopeScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalMaxPositions) : RopeScaling;
