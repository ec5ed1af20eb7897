using System.Text.RegularExpressions;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>Reads LongBench, LooGLE and BABILong from a folder that the user downloaded, prompts and lengths included.</summary>
public static partial class OfficialSuites
{
    private const string LongBenchSource = "download THUDM/LongBench (its data.zip and the folder LongBench/config) and give that folder with --data";
    private const string LooGleSource = "download bigai-nlco/LooGLE's test data with its task2prompt.json and give that folder with --data";
    private const string BabiLongSource = "convert RMT-team/babilong to lines of input, question, target, named LENGTH-TASK.jsonl, and give that folder with --data";

    /// <summary>LongBench, or some of its datasets.</summary>
    /// <param name="folder">The download.</param>
    /// <param name="names">Datasets; null for those of the 21 (or of LongBench-E) whose files are there.</param>
    /// <param name="e">LongBench-E's files, NAME_e.jsonl.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public static SampleSuite ReadLongBench(DataFolder folder, IReadOnlyList<string>? names = null, bool e = false)
    {
        var prompts = DataFolder.Table(folder.Need("dataset2prompt.json", LongBenchSource));
        var lengths = folder.Find("dataset2maxlen.json") is { } path ? DataFolder.Table(path) : [];
        var wanted = LongBench.Datasets.Where(d => (!e || d.InE) && (names is null ? folder.Find(File(d)) is not null : names.Contains(d.Name))).ToArray();
        if (wanted.Length == 0) throw new LabException($"{folder.Path}: no dataset of LongBench{(e ? "-E" : "")} here, for example {File(LongBench.Datasets[1])}; {LongBenchSource}");
        return new SampleSuite(e ? "longbench-e" : "longbench", [.. wanted.Select(d => new SampleSet(
            lengths.TryGetValue(d.Name, out var most) ? d with { MaxNewTokens = most.GetInt32() } : d,
            prompts.TryGetValue(d.Name, out var prompt) ? prompt.GetString()! : throw new LabException($"{folder.Need("dataset2prompt.json", "")}: no prompt for {d.Name}; get the official file again"),
            [.. JsonLines.Read(folder.Need(File(d), LongBenchSource)).Select(Record)]))]).Checked();

        string File(DatasetInfo d) => d.Name + (e ? "_e.jsonl" : ".jsonl");
    }

    /// <summary>A line in LongBench's form.</summary>
    public static Sample Record(JsonLine line) => new(line.Fields.TryGetProperty("_id", out _) ? line.Text("_id") : $"line-{line.Number}", line.Text("context"), line.Text("input"), line.Texts("answers"))
    {
        Classes = line.TextsOrNull("all_classes") ?? [], Length = line.Fields.TryGetProperty("length", out _) ? line.Whole("length") : 0,
    };

    /// <summary>LooGLE's long-dependency questions, one dataset for each type, as the HeadKV paper uses them.</summary>
    /// <param name="folder">The download.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public static SampleSuite ReadLooGle(DataFolder folder)
    {
        var path = folder.Need("longdep_qa.jsonl", LooGleSource);
        var samples = KnownDatasets.LooGle.ToDictionary(d => d.Name, _ => new List<Sample>());
        foreach (var line in JsonLines.Read(path))
        {
            if (PythonLiteral.Parse(line.Text("qa_pairs"), $"{path}, line {line.Number}, qa_pairs") is not List<object?> pairs) throw new LabException($"{path}, line {line.Number}: qa_pairs is not a list; get the official file again");
            foreach (var (pair, index) in pairs.Select((pair, index) => (pair, index)))
            {
                if (pair is not Dictionary<string, object?> fields || fields.GetValueOrDefault("Q") is not string question || fields.GetValueOrDefault("A") is not { } answer || fields.GetValueOrDefault("type") is not string type)
                    throw new LabException($"{path}, line {line.Number}, question {index + 1}: Q, A and type are needed; get the official file again");
                if (samples.TryGetValue(NotWords().Replace(type.ToLowerInvariant(), "_"), out var list)) list.Add(new Sample($"{line.Number}-{index}", line.Text("input"), question, [answer as string ?? FormattableString.Invariant($"{answer}")]));
            }
        }
        const string template = "Please answer the question based on the long texts below. \n{context}\nQuestion: {input}\nAnswer:";
        return new SampleSuite("loogle", [.. KnownDatasets.LooGle.Where(d => samples[d.Name].Count > 0).Select(d => new SampleSet(d, template, samples[d.Name]))]).Checked();
    }

    /// <summary>BABILong: every LENGTH-TASK.jsonl of the folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public static SampleSuite ReadBabiLong(DataFolder folder)
    {
        if (!Directory.Exists(folder.Path)) throw new LabException($"{folder.Path}: no such folder; {BabiLongSource}");
        var sets = new List<SampleSet>();
        foreach (var path in Directory.EnumerateFiles(folder.Path, "*.jsonl").Order(StringComparer.Ordinal))
        {
            if (BabiLongFile().Match(Path.GetFileName(path)) is not { Success: true } name) continue;
            var lines = JsonLines.Read(path).ToArray();
            string[] labels = [.. lines.SelectMany(l => l.Text("target").Split(',')).Distinct().Order(StringComparer.Ordinal)];
            var task = KnownDatasets.Find(name.Groups["task"].Value);
            sets.Add(new SampleSet(task with { Name = $"{task.Name}_{name.Groups["length"].Value}" }, BabiLongPrompts.For(task.Name),
                [.. lines.Select(l => new Sample($"line-{l.Number}", l.Text("input"), l.Text("question").Trim(), [l.Text("target")]) { Classes = labels })]));
        }
        return sets.Count > 0 ? new SampleSuite("babilong", sets).Checked() : throw new LabException($"{folder.Path}: no file of BABILong here, for example 4k-qa1.jsonl; {BabiLongSource}");
    }

    [GeneratedRegex(@"\W+")]
    private static partial Regex NotWords();

    [GeneratedRegex(@"^(?<length>\d+k)-(?<task>qa[1-5])\.jsonl$")]
    private static partial Regex BabiLongFile();
}
