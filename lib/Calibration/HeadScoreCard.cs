namespace HeadKvLab.Calibration;

/// <summary>What a score file was measured on; stands beside it, because the authors' format has no place for it.</summary>
/// <param name="ModelHash">SHA-256 of the model's weights.</param>
/// <param name="Score">Which formula: <c>eq1</c> or <c>eq2</c>.</param>
/// <param name="Needles">Which prompts: <c>retrieval</c> or <c>retrieval-reasoning</c>, and where they are from.</param>
/// <param name="Protocol">How prompts were built and answers judged: <c>clean</c> or <c>reference</c>.</param>
/// <param name="TestsRun">Prompts tried.</param>
/// <param name="TestsPassed">Prompts answered well enough to count.</param>
/// <param name="Seed">Seed of everything drawn.</param>
public sealed record HeadScoreCard(string ModelHash, string Score, string Needles, string Protocol, int TestsRun, int TestsPassed, long Seed);
