namespace HeadKvLab.Calibration;

/// <summary>A needle: sentences to hide, a question about them, and what counts as found.</summary>
/// <param name="Text">The sentences.</param>
/// <param name="Question">The question.</param>
/// <param name="Answer">The correct answer; its words stand in <paramref name="Text"/>.</param>
public sealed record Needle(string Text, string Question, string Answer)
{
    /// <summary>What Eq. 1 counts as the needle, <c>real_needle</c> in the published files; the answer where nothing else is said.</summary>
    public string Copied { get; init; } = Answer;

    /// <summary>A haystack of its own, as the published needles have; null: the set's.</summary>
    public string? Haystack { get; init; }
}
