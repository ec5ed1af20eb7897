using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// One question answered by one variant: a line of <c>rows.jsonl</c>. Everything needed to repeat it, to score it again and to compare it;
/// tables, data frames and exports are views of these lines.
/// </summary>
public sealed record EvalRow
{
    /// <summary>Version of the line's shape. Lines of version 1 are read as <see cref="FormatOne"/> says, those of others refused.</summary>
    public const int CurrentFormat = 2;

    /// <summary>How rows are written: camel case, letters of all scripts as they are.</summary>
    public static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Version of the line's shape.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>Version of the program that answered.</summary>
    public string Program { get; init; } = ProgramBuild.Unknown;

    /// <summary>Its commit.</summary>
    public string Commit { get; init; } = ProgramBuild.Unknown;

    /// <summary>When it was built.</summary>
    public string Built { get; init; } = ProgramBuild.Unknown;

    /// <summary>Suite, for example <c>longbench</c>.</summary>
    public required string Suite { get; init; }

    /// <summary>Data set or family inside the suite.</summary>
    public required string Dataset { get; init; }

    /// <summary>The context; questions on one context are not independent.</summary>
    public required string Context { get; init; }

    /// <summary>The question, unique in its data set.</summary>
    public required string Question { get; init; }

    /// <summary>The conversation that the question is a turn of; null where it stands alone.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Session { get; init; }

    /// <summary>Which turn of it, from 1, in whatever way the protocol asks them; null where it stands alone.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Turn { get; init; }

    /// <summary>Name of the prompt protocol.</summary>
    public required string Protocol { get; init => field = Protocols.Protocol.Current(value); }

    /// <summary>Method, budget, settings and tables.</summary>
    public required Variant Variant { get; init; }

    /// <summary>Seed of the run.</summary>
    public required int Seed { get; init; }

    /// <summary>Hash of the model's weights.</summary>
    public required string Model { get; init; }

    /// <summary>Hash of the data set.</summary>
    public required string Data { get; init; }

    /// <summary>Number type of the weights, of the prefill's products and of the cache.</summary>
    public string Type { get; init; } = "float32";

    /// <summary>Where prompts were read and answers decoded: <c>cpu</c> or <c>cuda</c>.</summary>
    public string Device { get; init; } = ProgramBuild.Unknown;

    /// <summary>Where the first token came from.</summary>
    public required string FirstToken { get; init; }

    /// <summary>Prompt tokens, n; of a later turn of a conversation all tokens before the answer.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens that were read for this question, where a reducer shortened its prompt; null elsewhere.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ReadTokens { get; init; }

    /// <summary>Seconds to choose them: the index, though later questions on the context share it, and the question's own; null where no reducer is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? ReduceSeconds { get; init; }

    /// <summary>Whether the middle was cut out because the prompt was longer than the protocol or the model allows.</summary>
    public bool Truncated { get; init; }

    /// <summary>KV heads of all layers together.</summary>
    public required int Heads { get; init; }

    /// <summary>Entries really kept after compression, all layers and heads; of a later turn those that were appended since, too.</summary>
    public required long Entries { get; init; }

    /// <summary>Their bytes, keys and values, as the cache tells them.</summary>
    public required long Bytes { get; init; }

    /// <summary>Entries kept when the answer ended, those of its tokens included; null where there is no answer, it ran on a device, or an older program wrote the row.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? EntriesAtEnd { get; init; }

    /// <summary>
    /// Bytes of entries, and of a recall's index, that decoding a token read on average, those of the question where it is decoded too; null where there is no answer, nothing
    /// was decoded, it ran on a device, or an older program wrote the row.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? TouchedBytes { get; init; }

    /// <summary>Bytes of the recall's index when the answer ended, which <see cref="Bytes"/> leaves out; null without a recall.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? IndexBytes { get; init; }

    /// <summary>Simulated: shares of the chosen pages or clusters that a near tier would have held, which remembers those of the last 1, 2 and 4 tokens; null without a recall that chooses such.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? HitRates { get; init; }

    /// <summary>Simulated: bytes that a token fetched into such a near tier on average, from a far one that holds all entries; null where <see cref="HitRates"/> are.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<long>? FetchedBytes { get; init; }

    /// <summary>Bytes of the entries as papers count them, the bits of their numbers alone; null without a format, where they are <see cref="Bytes"/>, or where an older program wrote the row.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? NominalBytes { get; init; }

    /// <summary>Bytes of the entries that lay in a far memory when the answer ended; null where there was none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? FarBytes { get; init; }

    /// <summary>Most bytes of entries that its near memory held at once, beside the layers that are read whole; null where there was none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? NearBytes { get; init; }

    /// <summary>Bytes that a token moved from the far memory into the near one, on average; null where there was none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? MovedBytes { get; init; }

    /// <summary>Share of the chosen entries that were near, each head's first token left out; null where there was none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? NearShare { get; init; }

    /// <summary>What was generated, special tokens left out.</summary>
    public required string Prediction { get; init; }

    /// <summary>Reference answers.</summary>
    public required IReadOnlyList<string> Answers { get; init; }

    /// <summary>Classes of a classification; null for other questions.</summary>
    public IReadOnlyList<string>? AllClasses { get; init; }

    /// <summary>Length as the data set states it: words, characters for Chinese.</summary>
    public int Length { get; init; }

    /// <summary>Name of the metric.</summary>
    public required string Metric { get; init; }

    /// <summary>Score, 0 to 1.</summary>
    public required double Score { get; init; }

    /// <summary>The score without the defects of the official script, 0 to 1; null where it has none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Corrected { get; init; }

    /// <summary>Share of the reference answer's tokens that were generated in their place: it tells a slip in a word from a wrong sentence. Null where answers are free text.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? TokenAccuracy { get; init; }

    /// <summary>Why there is no answer, which counts as 0: the model's numbers overflowed. Null where there is one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Failed { get; init; }

    /// <summary>Tokens generated.</summary>
    public required int NewTokens { get; init; }

    /// <summary>Seconds of the prefill, shared by all variants of the question; null where there is no answer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? PrefillSeconds { get; init; }

    /// <summary>Seconds of the decoding; null where there is no answer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? DecodeSeconds { get; init; }

    /// <summary>The budget as a share of the prompt: 1 for the full cache.</summary>
    [JsonIgnore]
    public double Share => Variant.IsFull ? 1 : Variant.Share > 0 ? Variant.Share : (double)Variant.KvSize / PromptTokens;

    /// <summary>Names the sample: no two rows of a folder have the same.</summary>
    [JsonIgnore]
    public string Key => KeyOf(Suite, Dataset, Question, Protocol, Variant, Seed);

    /// <summary>The name of a sample that is still to be run.</summary>
    public static string KeyOf(string suite, string dataset, string question, string protocol, Variant variant, int seed) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{suite}\n{dataset}\n{question}\n{protocol}\n{variant.Key}\n{seed}");

    /// <summary>The row as one line, newline included.</summary>
    public string ToLine() => JsonSerializer.Serialize(this, Json) + "\n";
}
