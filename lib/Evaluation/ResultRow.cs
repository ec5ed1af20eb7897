namespace HeadKvLab.Evaluation;

/// <summary>One question answered by one method at one budget: everything needed to repeat and to compare it.</summary>
public sealed record ResultRow
{
    /// <summary>Suite of the question.</summary>
    public required string Suite { get; init; }

    /// <summary>Family or dataset inside the suite.</summary>
    public required string Family { get; init; }

    /// <summary>The context; questions on one context are not independent.</summary>
    public required string Context { get; init; }

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>Name of the method in the catalogue.</summary>
    public required string Method { get; init; }

    /// <summary>Budget as a share of the prompt's entries; 1 for the full cache.</summary>
    public required double Share { get; init; }

    /// <summary>Nominal entries per KV head, window included.</summary>
    public required int KvSize { get; init; }

    /// <summary>Budget discipline, as named on the command line.</summary>
    public required string Discipline { get; init; }

    /// <summary>Where the first token came from.</summary>
    public required FirstToken FirstToken { get; init; }

    /// <summary>Prompt tokens, n.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>KV heads of all layers together.</summary>
    public required int Heads { get; init; }

    /// <summary>Entries really kept after the prefill, all layers and KV heads.</summary>
    public required long Entries { get; init; }

    /// <summary>Their bytes, keys and values.</summary>
    public required long Bytes { get; init; }

    /// <summary>What was generated.</summary>
    public required string Prediction { get; init; }

    /// <summary>What was expected.</summary>
    public required string Answer { get; init; }

    /// <summary>Tokens of the expected answer.</summary>
    public required int AnswerTokens { get; init; }

    /// <summary>1 when prediction and answer are equal, else 0.</summary>
    public double ExactMatch => Prediction == Answer ? 1 : 0;

    /// <summary>Share of the answer's tokens that were generated in their place.</summary>
    public required double TokenAccuracy { get; init; }

    /// <summary>Hash of the model's weights.</summary>
    public required string Model { get; init; }
}
