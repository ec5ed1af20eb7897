using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>A question that can be prepared when its turn comes: long suites are never tokenised as a whole.</summary>
/// <param name="Suite">Name of the suite.</param>
/// <param name="Dataset">Data set or family.</param>
/// <param name="DataHash">Hash of the data set.</param>
/// <param name="Context">The context; questions that name the same one share its prefill, and are resampled together.</param>
/// <param name="Question">Unique in the data set.</param>
/// <param name="Prepare">Makes the prompt.</param>
public sealed record EvalTask(string Suite, string Dataset, string DataHash, string Context, string Question, Func<PreparedPrompt> Prepare)
{
    /// <summary>The conversation that it is a turn of; null where it stands alone.</summary>
    public string? Session { get; init; }

    /// <summary>Which turn, from 1; null where it stands alone.</summary>
    public int? Turn { get; init; }
}

/// <summary>A suite under a protocol, on one model.</summary>
/// <param name="Suite">Name of the suite.</param>
/// <param name="Protocol">Name of the protocol.</param>
/// <param name="Tasks">Its questions.</param>
/// <param name="Variants">What answers each of them.</param>
public sealed record EvalSet(string Suite, string Protocol, IReadOnlyList<EvalTask> Tasks, IReadOnlyList<Variant> Variants)
{
    /// <summary>Number type to run it in; null: the type the model was loaded in.</summary>
    public NumberFormat? Type { get; init; }

    /// <summary>The calibration tables that the variants name, from one or more sources.</summary>
    public IReadOnlyList<CalibrationTables> Tables { get; init; } = [];

    /// <summary>Makes the policy of a variant from a seed; null: the catalogue's, with the tables of the set.</summary>
    public Func<Variant, int, CachePolicy>? Create { get; init; }

    /// <summary>Whose answers stand between the questions of a conversation; null: each question is asked alone.</summary>
    public TurnAnswers? Turns { get; init; }

    /// <summary>Samples of the set.</summary>
    public int Samples => Tasks.Count * Variants.Count;

    /// <summary>What the compressing variants do.</summary>
    /// <param name="seed">Seed of this drawing, for methods that draw.</param>
    /// <exception cref="LabException">A setting is out of range, or the tables of a method are not there.</exception>
    internal Dictionary<Variant, CachePolicy> Policies(int seed) => Variants.Where(v => !v.IsFull).Distinct().ToDictionary(v => v, v => Create is { } create ? create(v, seed) : v.Create(Tables, seed));

    /// <summary>The part of the work that is one shard's: every n-th context, so that questions that share a prefill stay together.</summary>
    /// <param name="shard">Which part; null for all of it.</param>
    public EvalSet Part(Shard? shard)
    {
        if (shard is not { } part) return this;
        var contexts = Tasks.Select(t => t.Context).Distinct().Select((context, i) => (context, i)).ToDictionary(p => p.context, p => p.i);
        return this with { Tasks = [.. Tasks.Where(t => contexts[t.Context] % part.Of == part.Index - 1)] };
    }
}

/// <summary>One of several equal parts of the work.</summary>
/// <param name="Index">Which, from 1.</param>
/// <param name="Of">Of how many.</param>
public readonly record struct Shard(int Index, int Of)
{
    /// <summary>Reads <c>2/4</c>.</summary>
    /// <exception cref="LabException">It is not of that form, or outside.</exception>
    public static Shard Parse(string text)
    {
        var parts = text.Split('/');
        return parts.Length == 2 && int.TryParse(parts[0], out var index) && int.TryParse(parts[1], out var of) && index >= 1 && index <= of && of <= 10_000
            ? new Shard(index, of) : throw new LabException($"--shard {text}: give the part and the number of parts, for example 1/4 to 4/4");
    }

    /// <summary>Where a shard's rows lie inside the results folder.</summary>
    public string Folder => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"shard-{Index}-of-{Of}");

    /// <inheritdoc/>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Index}/{Of}");
}

/// <summary>A prompt in tokens, and what is to be done with the answer.</summary>
/// <param name="Ids">All tokens of the prompt; of a later turn of a conversation those of its question.</param>
/// <param name="CompressAt">The cache is compressed when this many tokens have been read: all of them, or those before the question.</param>
public sealed record PreparedPrompt(int[] Ids, int CompressAt)
{
    /// <summary>Tokens of the prompt whose share budgets are: more than it has where a reducer shortened it.</summary>
    public int WholeTokens { get; init; } = Ids.Length;

    /// <summary>Its parts; null where they cannot be told.</summary>
    public Func<PromptParts>? Parts { get; init; }

    /// <summary>Passages of the context from which the answer follows.</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];
    /// <summary>The reference answer as it precedes the next turn of a conversation; none where there is no conversation.</summary>
    public IReadOnlyList<int> Reply { get; init; } = [];

    /// <summary>Most tokens of an answer.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>Ids that end an answer.</summary>
    public required IReadOnlyList<int> StopIds { get; init; }

    /// <summary>Whether the first token may not be a stop id.</summary>
    public bool NoEmptyAnswer { get; init; }

    /// <summary>Whether the middle was cut out because the prompt was too long.</summary>
    public bool Truncated { get; init; }

    /// <summary>Where the first token comes from.</summary>
    public FirstToken FirstToken { get; init; } = FirstToken.RecomputeLast;

    /// <summary>Reference answers.</summary>
    public required IReadOnlyList<string> Answers { get; init; }

    /// <summary>Tokens of the reference answer as they would follow the prompt; none where answers are free text.</summary>
    public IReadOnlyList<int> AnswerIds { get; init; } = [];

    /// <summary>Classes of a classification.</summary>
    public IReadOnlyList<string>? AllClasses { get; init; }

    /// <summary>Length as the data set states it.</summary>
    public int Length { get; init; }

    /// <summary>Name of the metric.</summary>
    public required string Metric { get; init; }

    /// <summary>Scores a prediction, 0 to 1.</summary>
    public required Func<string, double> Score { get; init; }

    /// <summary>Scores a prediction without the defects of the official script; null where it has none.</summary>
    public Func<string, double>? Corrected { get; init; }

    /// <summary>Share of <see cref="AnswerIds"/> that were generated in their place; null where there are none.</summary>
    public double? TokenAccuracy(ReadOnlySpan<int> generated)
    {
        if (AnswerIds.Count == 0) return null;
        var right = 0;
        for (var i = 0; i < Math.Min(AnswerIds.Count, generated.Length); i++)
            if (AnswerIds[i] == generated[i]) right++;
        return (double)right / AnswerIds.Count;
    }
}

/// <summary>How far a run is.</summary>
/// <param name="Done">Samples in the folder.</param>
/// <param name="Total">Samples of the plan.</param>
/// <param name="Left">Time left at the speed of this run; null before its first sample.</param>
public readonly record struct EvalProgress(int Done, int Total, TimeSpan? Left);
