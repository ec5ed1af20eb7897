namespace HeadKvLab.Cache;

/// <summary>What the prefill must hand over beside keys and values.</summary>
/// <param name="Queries">Last queries of the prompt; no more than it has are handed over.</param>
/// <param name="AttentionSums">The attention that each position received from all queries: the prefill adds it up while it attends.</param>
public sealed record ScorerNeeds(int Queries = 0, bool AttentionSums = false)
{
    /// <summary>Keys and values alone.</summary>
    public static ScorerNeeds None { get; } = new();

    /// <summary>What serves both.</summary>
    public ScorerNeeds Or(ScorerNeeds other) => new(Math.Max(Queries, other.Queries), AttentionSums || other.AttentionSums);

    /// <summary>Whether a prompt that continues a cached one by some tokens cannot give it.</summary>
    /// <param name="tokens">Tokens of the last piece.</param>
    internal bool ExceedPiece(int tokens) => AttentionSums || Queries > tokens;
}
