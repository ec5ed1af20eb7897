namespace HeadKvLab.Models;

/// <summary>
/// Rotary position embedding in the half-split convention of Hugging Face checkpoints: with half = dim/2, the pair
/// (x[i], x[i+half]) is turned by the angle <c>position * frequency[i]</c>, <c>frequency[i] = theta^(-2i/dim)</c>:
/// <c>y[i] = x[i] cos - x[i+half] sin</c>, <c>y[i+half] = x[i+half] cos + x[i] sin</c>.
/// Su et al. 2021 (arXiv:2104.09864). Frequencies are computed in double and rounded to float32.
/// Position times frequency is the angle.
/// </summary>
public static class Rope
{
    /// <summary>Frequencies of a model, radians per position, <c>[dim / 2]</c>, scaling included.</summary>
    public static float[] Frequencies(ModelConfig config)
    {
        var frequencies = new float[config.HeadDim / 2];
        for (var i = 0; i < frequencies.Length; i++)
            frequencies[i] = (float)Scale(Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim), config.RopeScaling);
        return frequencies;
    }

    private static double Scale(double frequency, RopeScaling? scaling) => scaling switch
    {
        null => frequency,
        LinearRopeScaling linear => frequency / linear.Factor,
        Llama3RopeScaling llama3 => Blend(frequency, llama3),
        _ => throw new LabException($"rope scaling {scaling.GetType().Name} has no rule in Rope.cs: add it there"),
    };

    private static double Blend(double frequency, Llama3RopeScaling s)
    {
        var turns = s.OriginalMaxPositions * frequency / (2 * Math.PI); // full turns within the original context
        if (turns < s.LowFrequencyFactor) return frequency / s.Factor;
        if (turns > s.HighFrequencyFactor) return frequency;
        var keep = (turns - s.LowFrequencyFactor) / (s.HighFrequencyFactor - s.LowFrequencyFactor);
        return (1 - keep) * frequency / s.Factor + keep * frequency;
    }
}
