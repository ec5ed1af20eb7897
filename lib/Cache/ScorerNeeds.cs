namespace HeadKvLab.Cache;

/// <summary>What the prefill must hand over beside keys and values.</summary>
/// <param name="Queries">Last queries of the prompt; no more than it has are handed over.</param>
public sealed record ScorerNeeds(int Queries = 0)
{
    /// <summary>Keys and values alone.</summary>
    public static ScorerNeeds None { get; } = new();

    /// <summary>What the prefill adds up over all queries while they attend; each once.</summary>
    public IReadOnlyList<AttentionSum> Sums { get; init => field = [.. value.Distinct()]; } = [];

    /// <summary>Whether the queries of all positions of the prompt are looked at; while text is generated it is the last <see cref="Queries"/>.</summary>
    public bool AllQueries { get; init; }

    /// <summary>Whether the kinds of the prompt's tokens are looked at.</summary>
    public bool Kinds { get; init; }

    /// <summary>Whether the outputs of the heads are looked at: <see cref="LayerView.Mixed"/>.</summary>
    public bool Mixed { get; init; }

    /// <summary>Whether the residual stream is looked at: <see cref="IPromptSink.Attended"/>.</summary>
    public bool Stream { get; init; }

    /// <summary>Second readings of the prompt, whose measurements are looked at: <see cref="IPromptSink.AcceptReplayed"/>; each once.</summary>
    public IReadOnlyList<IReplay> Replays { get; init => field = [.. value.Distinct()]; } = [];

    /// <summary>What serves both.</summary>
    public ScorerNeeds Or(ScorerNeeds other) => new(Math.Max(Queries, other.Queries))
    {
        Sums = [.. Sums.Union(other.Sums)], AllQueries = AllQueries || other.AllQueries, Kinds = Kinds || other.Kinds, Mixed = Mixed || other.Mixed, Stream = Stream || other.Stream,
        Replays = [.. Replays.Union(other.Replays)],
    };

    /// <summary>Whether both ask for the same; the order of sums and replays does not matter.</summary>
    public bool Equals(ScorerNeeds? other) =>
        other is not null && Queries == other.Queries && AllQueries == other.AllQueries && Kinds == other.Kinds && Mixed == other.Mixed && Stream == other.Stream && Sums.ToHashSet().SetEquals(other.Sums)
        && Replays.ToHashSet().SetEquals(other.Replays);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Queries, AllQueries, Kinds, Mixed, Stream, Sums.Count, Replays.Count);

    /// <summary>Whether something of every position is asked for, not of the last ones alone.</summary>
    internal bool OfAllRows => Sums.Count > 0 || AllQueries || Mixed || Stream;

    /// <summary>Whether a prompt that continues a cached one by some tokens cannot give it.</summary>
    /// <param name="tokens">Tokens of the last piece.</param>
    internal bool ExceedPiece(int tokens) => OfAllRows || Kinds || Replays.Count > 0 || Queries > tokens;
}
