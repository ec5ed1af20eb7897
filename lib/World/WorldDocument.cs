namespace HeadKvLab.World;

/// <summary>Where an answer stands in a document: its tokens with the final full stop.</summary>
/// <param name="Start">Index of the first answer token.</param>
/// <param name="Length">Tokens, the full stop included.</param>
/// <param name="Family">Family of the question.</param>
public readonly record struct AnswerSpan(int Start, int Length, WorldFamily Family);

/// <summary>A training document: BOS, sentences in random order, then questions with their answers.</summary>
public sealed class WorldDocument
{
    /// <summary>Token ids [token].</summary>
    public required int[] Ids { get; init; }

    /// <summary>Positions [token]: 0, 1, 2, ... with random gaps before sentences when the options ask for them.</summary>
    public required int[] Positions { get; init; }

    /// <summary>Family number on answer tokens (final full stop included), -1 elsewhere [token].</summary>
    public required sbyte[] Family { get; init; }

    /// <summary>1 on the first token of every answer, 0 elsewhere [token].</summary>
    public required byte[] FirstAnswerToken { get; init; }

    /// <summary>Index of the first token of every sentence; a question with its answer is one sentence.</summary>
    public required int[] SentenceStarts { get; init; }

    /// <summary>All answers, in order.</summary>
    public required AnswerSpan[] Answers { get; init; }

    /// <summary>The document as text.</summary>
    public string Text => WorldTokenizer.Shared.Decode(Ids);
}
