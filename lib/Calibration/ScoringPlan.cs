namespace HeadKvLab.Calibration;

/// <summary>How prompts are built.</summary>
public enum HaystackProtocol
{
    /// <summary>One begin-of-text mark, the model's chat template, the needle's place known by its characters.</summary>
    Clean,

    /// <summary>The published code, step by step; see <see cref="ReferenceHaystack"/>.</summary>
    Reference,
}

/// <summary>Which reading of Eq. 1 and Eq. 2 where paper and code differ.</summary>
public enum ScoreForm
{
    /// <summary>Over the answer's N tokens, up to the end of the text: both scores are at most 1.</summary>
    Paper,

    /// <summary>
    /// Eq. 1 over up to 50 steps, ended by a newline token alone, so that needle tokens are credited again; Eq. 2 over at most 50 of the answer's tokens,
    /// N being those of <c>real_needle</c>, attention rounded to bfloat16.
    /// </summary>
    Code,
}

/// <summary>How heads are scored.</summary>
/// <param name="Protocol">How prompts are built.</param>
/// <param name="Form">Which reading of the formulas.</param>
public sealed record ScoringPlan(HaystackProtocol Protocol = HaystackProtocol.Clean, ScoreForm Form = ScoreForm.Paper)
{
    /// <summary>Most steps in the code's form.</summary>
    public const int MostSteps = 50;

    /// <summary>A test counts for Eq. 1 when this of response and needle, 0 to 1, is above a half; null: QA-F1, as for Eq. 2.</summary>
    public Func<string, string, double>? Recall { get; init; }

    /// <summary>File that remembers finished tests, so that a run that was ended goes on where it was; null: none. It is the caller's to
    /// delete when the scores are written.</summary>
    public string? Journal { get; init; }

    /// <summary>Protocol and form as cards name them.</summary>
    public override string ToString() => $"{Names<HaystackProtocol>.Of(Protocol)}, form of the {Names<ScoreForm>.Of(Form)}";
}
