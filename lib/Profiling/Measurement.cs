namespace HeadKvLab.Profiling;

/// <summary>One figure of a benchmark: what every <c>lab bench ... --json</c> prints.</summary>
/// <param name="Case">What was measured.</param>
/// <param name="Metric">Which property of it.</param>
/// <param name="Value">The figure.</param>
/// <param name="Unit">Its unit; <c>1</c> for ratios and shares.</param>
public readonly record struct Measurement(string Case, string Metric, double Value, string Unit);
