using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadKvLab.Calibration;

/// <summary>
/// Needles and their haystacks, read from a folder: <c>needles-r.jsonl</c> (retrieval; <c>needles-retrieval.jsonl</c> is read too) and <c>needles-r2.jsonl</c>
/// (retrieval-reasoning) with the published fields <c>needle, question, real_needle, answer</c>; <c>haystack.txt</c>, or a text for each needle as in the
/// published runs, <c>retrieval-part1.txt, ...</c> and <c>r2-part0.txt, ...</c> (a needle without one takes the first there is); and optionally
/// <c>prompt.txt</c>, a template with {context} and {question}.
/// </summary>
/// <param name="Retrieval">Retrieval needles.</param>
/// <param name="Reasoning">Retrieval-reasoning needles.</param>
/// <param name="Haystack">Text that knows nothing of the needles.</param>
/// <param name="Template">How context and question become a prompt.</param>
public sealed record NeedleSet(IReadOnlyList<Needle> Retrieval, IReadOnlyList<Needle> Reasoning, string Haystack, string Template)
{
    /// <summary>The published runs' template, without their double spaces and begin-of-text marks.</summary>
    public const string PublishedTemplate = "{context} Based on the content of the book, Question: {question}\nAnswer:";

    /// <summary>Whether the folder brings its own template, so that no chat template is put around it.</summary>
    public bool OwnTemplate { get; init; }

    /// <summary>Reads a folder.</summary>
    /// <exception cref="LabException">A file is missing or broken; the message names file and line.</exception>
    public static NeedleSet Load(string folder)
    {
        var template = Path.Combine(folder, "prompt.txt");
        var text = File.Exists(template) ? File.ReadAllText(template).TrimEnd('\n') : PublishedTemplate;
        if (!text.Contains("{context}") || !text.Contains("{question}"))
            throw new LabException($"{template}: must hold {{context}} and {{question}}.");
        var retrieval = Path.Combine(folder, "needles-retrieval.jsonl");
        if (!File.Exists(retrieval)) retrieval = Path.Combine(folder, "needles-r.jsonl");
        var common = Path.Combine(folder, "haystack.txt");
        var parts = Directory.Exists(folder) ? Directory.GetFiles(folder, "*-part*.txt").Order(StringComparer.Ordinal).ToArray() : [];
        var haystack = ReadText(File.Exists(common) || parts.Length == 0 ? common : parts[0]);
        return new NeedleSet(OwnHaystacks(folder, "retrieval-part", 1, Read(retrieval)), OwnHaystacks(folder, "r2-part", 0, Read(Path.Combine(folder, "needles-r2.jsonl"))),
            haystack.Trim(), text) { OwnTemplate = File.Exists(template) };
    }

    /// <summary>The published runs number haystacks by needle: retrieval from 1, retrieval-reasoning from 0.</summary>
    private static Needle[] OwnHaystacks(string folder, string name, int first, Needle[] needles)
    {
        string? Text(string part) => File.Exists(part) ? File.ReadAllText(part) : null;
        string? any = Directory.Exists(folder) && Directory.GetFiles(folder, name + "*.txt").Order(StringComparer.Ordinal).FirstOrDefault() is { } part ? Text(part) : null;
        return [.. needles.Select((needle, i) => needle with { Haystack = Text(Path.Combine(folder, $"{name}{first + i}.txt")) ?? any })];
    }

    private static Needle[] Read(string path)
    {
        var needles = new List<Needle>();
        var number = 0;
        foreach (var line in ReadText(path).Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                var record = JsonSerializer.Deserialize<Record>(line)!;
                var answer = record.Answer ?? record.RealNeedle;
                needles.Add(new Needle(record.Needle, record.Question, answer) { Copied = record.RealNeedle });
            }
            catch (JsonException e)
            {
                throw new LabException($"{path}, line {number}: no needle ({e.Message}); each line is an object with needle, question, real_needle and answer.", e);
            }
        }
        return needles.Count > 0 ? [.. needles] : throw new LabException($"{path}: holds no needle.");
    }

    private static string ReadText(string path) => File.Exists(path) ? File.ReadAllText(path)
        : throw new LabException($"{path}: not found; a needle folder holds needles-r.jsonl, needles-r2.jsonl and haystack.txt (`lab world needles` makes one).");

    private sealed record Record
    {
        [JsonPropertyName("needle"), JsonRequired]
        public required string Needle { get; init; }

        [JsonPropertyName("question"), JsonRequired]
        public required string Question { get; init; }

        [JsonPropertyName("real_needle"), JsonRequired]
        public required string RealNeedle { get; init; }

        [JsonPropertyName("answer")]
        public string? Answer { get; init; }
    }
}
