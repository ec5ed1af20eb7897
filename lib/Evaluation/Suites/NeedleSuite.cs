namespace HeadKvLab.Evaluation.Suites;

/// <summary>
/// Needle suites from a folder. With <c>needles-r.jsonl</c> and <c>needles-r2.jsonl</c> (or the published names <c>needles-retrieval.jsonl</c>) there are retrieval and
/// retrieval-reasoning needles; without them the folder is a haystack of essays, in which the published needle of San Francisco is hidden.
/// </summary>
public static class NeedleSuite
{
    private static readonly (string Dataset, string[] Files)[] Kinds = [("needle", ["needles-r.jsonl", "needles-retrieval.jsonl", "needles.jsonl"]), ("needle_r2", ["needles-r2.jsonl"])];

    /// <summary>Opens a suite.</summary>
    /// <param name="name"><c>needle</c>, or <c>needle-published</c> for the insertion rule and the prompt of the published runs.</param>
    /// <param name="options">Folder (the project's own needles where none is given), lengths, depths.</param>
    /// <exception cref="LabException">Needles or haystack are missing or broken.</exception>
    public static SampleSuite Open(string name, SuiteOptions options)
    {
        var folder = options.DataDirectory ?? Path.Combine(options.OwnDirectory ?? "data/suites", "needles");
        if (!Directory.Exists(folder)) throw new LabException($"{folder}: no such folder; give one with a haystack of texts with --data");
        var published = name == "needle-published" ? options.Tokenizer ?? throw new LabException("needle-published: it needs the model's tokenizer") : null;
        var prompt = Path.Combine(folder, "prompt.txt");
        var template = published is null && File.Exists(prompt) ? File.ReadAllText(prompt).TrimEnd('\n').Replace("{question}", "{input}", StringComparison.Ordinal) : NeedleGrid.PublishedTemplate;
        if (!template.Contains("{context}", StringComparison.Ordinal) || !template.Contains("{input}", StringComparison.Ordinal)) throw new LabException($"{prompt}: must hold {{context}} and {{question}}");
        var kinds = Kinds.Select(kind => (kind.Dataset, File: kind.Files.Select(f => Path.Combine(folder, f)).FirstOrDefault(File.Exists))).Where(k => k.File is not null).ToArray();
        var grid = new NeedleGrid(template, Haystack(folder), options.CountTokens) { Published = published };
        SampleSet[] sets = kinds.Length == 0 ? [grid.Make("needle", [NeedleGrid.SanFrancisco], options.Lengths, options.PerTask)]
            : [.. kinds.Select(k => grid.Make(k.Dataset, Needles(k.File!), options.Lengths, options.PerTask))];
        return new SampleSuite(name, [.. sets.Select(set => options.DataDirectory is null ? set with { StopToken = "." } : set)]).Checked();
    }

    /// <summary>The first three needles, as many as the published runs use.</summary>
    private static HiddenNeedle[] Needles(string path)
    {
        HiddenNeedle[] needles = [.. JsonLines.Read(path).Take(3).Select(line => new HiddenNeedle(line.Text("needle"), line.Text("question"), line.TextOrEmpty("answer") is { Length: > 0 } answer ? answer : line.Text("real_needle")))];
        return needles.Length > 0 ? needles : throw new LabException($"{path}: the file holds no needle; each line needs needle, question and real_needle");
    }

    /// <summary>haystack.txt, or all texts of the folder or of its PaulGrahamEssays by name (the published order is the file system's).</summary>
    private static string Haystack(string folder)
    {
        var one = Path.Combine(folder, "haystack.txt");
        var essays = Path.Combine(folder, "PaulGrahamEssays");
        string[] files = File.Exists(one) ? [one] : [.. Directory.EnumerateFiles(Directory.Exists(essays) ? essays : folder, "*.txt").Where(f => Path.GetFileName(f) != "prompt.txt").Order(StringComparer.Ordinal)];
        var text = string.Join('\n', files.Select(File.ReadAllText)).Trim();
        return text.Length > 0 ? text : throw new LabException($"{folder}: no haystack; put haystack.txt or a folder PaulGrahamEssays of texts there");
    }
}
