using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadKvLab.Heads;

/// <summary>A needle: sentences to hide, a question about them, and what counts as found.</summary>
/// <param name="Text">The sentences.</param>
/// <param name="Question">The question.</param>
/// <param name="Answer">The correct answer; its words stand in <paramref name="Text"/>.</param>
public sealed record Needle(string Text, string Question, string Answer);

/// <summary>
/// Needles and their haystack, read from a folder: <c>needles-r.jsonl</c> (retrieval) and <c>needles-r2.jsonl</c> (retrieval-reasoning) with the published
/// fields <c>needle, question, real_needle, answer</c>, <c>haystack.txt</c>, and optionally <c>prompt.txt</c>, a template with {context} and {question}.
/// </summary>
/// <param name="Retrieval">Retrieval needles.</param>
/// <param name="Reasoning">Retrieval-reasoning needles.</param>
/// <param name="Haystack">Text that knows nothing of the needles.</param>
/// <param name="Template">How context and question become a prompt.</param>
public sealed record NeedleSet(IReadOnlyList<Needle> Retrieval, IReadOnlyList<Needle> Reasoning, string Haystack, string Template)
{
    /// <summary>The published runs' template, without their double spaces and begin-of-text marks.</summary>
    public const string PublishedTemplate = "{context} Based on the content of the book, Question: {question}\nAnswer:";

    /// <summary>Reads a folder.</summary>
    /// <exception cref="LabException">A file is missing or broken; the message names file and line.</exception>
    public static NeedleSet Load(string folder)
    {
        var template = Path.Combine(folder, "prompt.txt");
        var text = File.Exists(template) ? File.ReadAllText(template).TrimEnd('\n') : PublishedTemplate;
        if (!text.Contains("{context}") || !text.Contains("{question}"))
            throw new LabException($"{template}: must hold {{context}} and {{question}}.");
        return new NeedleSet(Read(Path.Combine(folder, "needles-r.jsonl")), Read(Path.Combine(folder, "needles-r2.jsonl")),
            ReadText(Path.Combine(folder, "haystack.txt")).Trim(), text);
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
                if (!record.Needle.Contains(answer, StringComparison.Ordinal))
                    throw new LabException($"{path}, line {number}: the needle does not contain the answer '{answer}', so that its place is unknown.");
                needles.Add(new Needle(record.Needle, record.Question, answer));
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
