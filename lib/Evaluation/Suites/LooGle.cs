using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>
/// LooGLE (Li et al., arXiv 2311.04939). <see cref="LongDependency"/> is what the HeadKV paper reports: the long-dependency questions in four datasets by type, F1 of words.
/// <see cref="Everything"/> reads all four files with their own prompts and lengths; its scores are this lab's metrics; those of LooGLE's own that need no model are <see cref="Metrics.LooGleMetrics"/>, by <c>lab metric --metric</c>.
/// </summary>
public static partial class LooGle
{
    private const string Source = "download bigai-nlco/LooGLE's test data with its task2prompt.json and task2maxlen.json and give that folder with --data";
    private const string PaperTemplate = "Please answer the question based on the long texts below. \n{context}\nQuestion: {input}\nAnswer:";

    /// <summary>The four datasets of the paper's tables.</summary>
    /// <param name="folder">The download.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public static SampleSuite LongDependency(DataFolder folder)
    {
        var all = Read(folder.Need("longdep_qa.jsonl", Source)).ToArray();
        foreach (var (sample, type) in all)
            if (KnownDatasets.LooGle.All(d => d.Name != type)) throw new LabException($"{folder.Path}, longdep_qa.jsonl, question {sample.Id}: type '{type}' is none of {string.Join(", ", KnownDatasets.LooGle.Select(d => d.Name))}; get the official file again");
        return new SampleSuite("loogle", [.. KnownDatasets.LooGle.Where(d => all.Any(s => s.Type == d.Name))
            .Select(d => new SampleSet(d, PaperTemplate, [.. all.Where(s => s.Type == d.Name).Select(s => s.Sample)]))]).Checked();
    }

    /// <summary>Those of the four files that are there.</summary>
    /// <param name="folder">The download.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public static SampleSuite Everything(DataFolder folder)
    {
        var prompts = DataFolder.Texts(folder.Need("task2prompt.json", Source));
        var lengths = folder.Find("task2maxlen.json") is { } path ? DataFolder.Counts(path) : [];
        var there = KnownDatasets.LooGleFiles.Where(d => folder.Find(d.Name + ".jsonl") is not null).ToArray();
        if (there.Length == 0) throw new LabException($"{folder.Path}: none of {string.Join(", ", KnownDatasets.LooGleFiles.Select(d => d.Name + ".jsonl"))} here; {Source}");
        return new SampleSuite("loogle-files", [.. there.Select(d => new SampleSet(d with { MaxNewTokens = lengths.GetValueOrDefault(d.Name, d.MaxNewTokens) },
            prompts.TryGetValue(d.Name, out var prompt) ? Template(prompt) : throw new LabException($"{folder.Find("task2prompt.json")}: no prompt for {d.Name}; get the official file again"),
            [.. Read(folder.Need(d.Name + ".jsonl", Source)).Select(s => s.Sample)]))]).Checked();
    }

    /// <summary>LooGLE calls the text {input} and the question {Q}, and doubles braces that stand for themselves.</summary>
    private static string Template(string prompt) => prompt.Replace("{input}", "{context}", StringComparison.Ordinal).Replace("{Q}", "{input}", StringComparison.Ordinal)
        .Replace("{{", "{", StringComparison.Ordinal).Replace("}}", "}", StringComparison.Ordinal);

    private static IEnumerable<(Sample Sample, string Type)> Read(string path)
    {
        foreach (var line in JsonLines.Read(path))
        {
            string context = line.Text("input"), pairs = line.Text("qa_pairs");
            if (pairs is "none" or "None")
            {
                yield return (new Sample($"{line.Number}", context, "", [line.Text("output")]), "");
                continue;
            }
            if (PythonLiteral.Parse(pairs, $"{path}, line {line.Number}, qa_pairs") is not List<object?> { Count: > 0 } list) throw new LabException($"{path}, line {line.Number}: qa_pairs is no list of questions; get the official file again");
            foreach (var (pair, index) in list.Select((pair, index) => (pair, index)))
            {
                if (pair is not Dictionary<string, object?> fields || fields.GetValueOrDefault("Q") is not string question || Answer(fields.GetValueOrDefault("A")) is not { } answer)
                    throw new LabException($"{path}, line {line.Number}, question {index + 1}: Q (a text) and A are needed; get the official file again");
                var type = fields.GetValueOrDefault("type") as string ?? "";
                yield return (new Sample($"{line.Number}-{index}", context, question, [answer]), NotWords().Replace(type.ToLowerInvariant(), "_"));
            }
        }
    }

    /// <summary>A text, a number, or the masks of a cloze as JSON.</summary>
    private static string? Answer(object? value) => value switch
    {
        string text => text,
        double number => number.ToString(CultureInfo.InvariantCulture),
        Dictionary<string, object?> masks when masks.Values.All(v => v is string or double) =>
            JsonSerializer.Serialize(masks.ToDictionary(m => m.Key, m => Answer(m.Value)), Plain),
        _ => null,
    };

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [GeneratedRegex(@"\W+")]
    private static partial Regex NotWords();
}
