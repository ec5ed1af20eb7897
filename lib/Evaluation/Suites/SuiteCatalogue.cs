namespace HeadKvLab.Evaluation.Suites;

/// <summary>What a suite may need beside its name.</summary>
public sealed record SuiteOptions
{
    /// <summary>Folder of a download, for the official suites.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Folder of the project's own suites and needles.</summary>
    public string? OwnDirectory { get; init; }

    /// <summary>Prompt lengths in tokens of generated suites.</summary>
    public IReadOnlyList<int> Lengths { get; init; } = [1024, 2048, 4096];

    /// <summary>Samples of each generated task; depths of a needle grid.</summary>
    public int PerTask { get; init; } = 10;

    /// <summary>Seed of generated suites.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Tokens of a text, by the model's tokenizer.</summary>
    public required Func<string, int> CountTokens { get; init; }
}

/// <summary>All suites by name.</summary>
public static class SuiteCatalogue
{
    private const string WorldTemplate = "{context} Question: {input} Answer:";

    /// <summary>Names that are understood beside files and LongBench's datasets.</summary>
    public static IReadOnlyList<string> Names { get; } = ["world", "longbench", "longbench-e", "loogle", "babilong", "needle", "ruler"];

    /// <summary>Opens a suite: one of <see cref="Names"/>, datasets of LongBench separated by commas, a file of JSON lines, or the name of one of the project's own files.</summary>
    /// <param name="name">The name.</param>
    /// <param name="options">What it may need.</param>
    /// <exception cref="LabException">There is none of that name (the nearest is suggested), or its data are missing or broken.</exception>
    public static SampleSuite Open(string name, SuiteOptions options)
    {
        if (File.Exists(name)) return ReadFile(name, options);
        var words = name.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        switch (name)
        {
            case "world": return ReadFile(Own("world-2048-test.jsonl", options), options);
            case "longbench" or "longbench-e": return OfficialSuites.ReadLongBench(Data(name, options), e: name == "longbench-e");
            case "loogle": return OfficialSuites.ReadLooGle(Data(name, options));
            case "babilong": return OfficialSuites.ReadBabiLong(Data(name, options));
            case "ruler": return new SampleSuite("ruler", [.. options.Lengths.SelectMany(n => new RulerGenerator(options.CountTokens, n, options.Seed).Make(options.PerTask).Sets
                .Select(set => set with { Dataset = set.Dataset with { Name = $"{set.Dataset.Name}_{n}" } }))]);
            case "needle": return Needles(options);
        }
        if (options.OwnDirectory is { } own && File.Exists(Path.Combine(own, name + ".jsonl"))) return ReadFile(Path.Combine(own, name + ".jsonl"), options);
        if (words.Length > 0 && words.All(w => LongBench.Datasets.Any(d => d.Name == w))) return OfficialSuites.ReadLongBench(Data(name, options), words);
        throw new LabException($"suite '{name}' is unknown, and no file of that name is here: did you mean '{KnownDatasets.Nearest(words.FirstOrDefault(w => LongBench.Datasets.All(d => d.Name != w)) ?? name, Names.Concat(LongBench.Datasets.Select(d => d.Name)))}'? Known are {string.Join(", ", Names)}, LongBench's datasets, and files of JSON lines");
    }

    /// <summary>Reads JSON lines in LongBench's form; the field <c>dataset</c> groups them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Where prompts of official datasets lie.</param>
    /// <exception cref="LabException">The file is missing or broken, or a dataset's prompt is.</exception>
    public static SampleSuite ReadFile(string path, SuiteOptions options)
    {
        var lines = JsonLines.Read(path).Select(line => (Dataset: line.Text("dataset"), Sample: OfficialSuites.Record(line))).ToArray();
        if (lines.Length == 0) throw new LabException($"{path}: the file holds no sample; each line needs dataset, context, input and answers");
        return new SampleSuite(Path.GetFileNameWithoutExtension(path), [.. lines.GroupBy(l => l.Dataset).Select(set => Set(path, KnownDatasets.Find(set.Key), [.. set.Select(l => l.Sample)], options))]).Checked();
    }

    private static SampleSet Set(string path, DatasetInfo dataset, Sample[] samples, SuiteOptions options)
    {
        if (dataset.Group == "world") return new(dataset, WorldTemplate, samples) { StopToken = "." };
        var folder = new DataFolder(options.DataDirectory ?? Path.GetDirectoryName(Path.GetFullPath(path))!);
        var prompts = DataFolder.Table(folder.Need("dataset2prompt.json", $"{dataset.Name} is asked with its official prompt: give the folder of LongBench's config with --data"));
        return new(dataset, prompts.TryGetValue(dataset.Name, out var prompt) ? prompt.GetString()! : throw new LabException($"{folder.Path}: dataset2prompt.json has no prompt for {dataset.Name}"), samples);
    }

    private static SampleSuite Needles(SuiteOptions options)
    {
        var folder = options.DataDirectory ?? Path.Combine(options.OwnDirectory ?? ".", "needles");
        string haystack = Read("haystack.txt"), template = Read("prompt.txt").TrimEnd('\n').Replace("{question}", "{input}", StringComparison.Ordinal);
        return new SampleSuite("needle", [.. ((string, string)[])[("needle", "needles-r.jsonl"), ("needle_r2", "needles-r2.jsonl")]
            is var sets ? sets.Select(set => NeedleGrid.Make(set.Item1, haystack, [.. JsonLines.Read(Path.Combine(folder, set.Item2)).Take(3).Select(l => (l.Text("needle"), l.Text("question"), l.TextOrEmpty("answer") is { Length: > 0 } answer ? answer : l.Text("real_needle")))],
                template, options.CountTokens, options.Lengths, options.PerTask) with { StopToken = "." }) : []]).Checked();

        string Read(string file) => File.Exists(Path.Combine(folder, file)) ? File.ReadAllText(Path.Combine(folder, file))
            : throw new LabException($"{Path.Combine(folder, file)}: missing; a needle suite needs haystack.txt, prompt.txt, needles-r.jsonl and needles-r2.jsonl, as `lab world make` writes them");
    }

    private static string Own(string file, SuiteOptions options) => Path.Combine(options.OwnDirectory ?? "data/suites", file);

    private static DataFolder Data(string suite, SuiteOptions options) => options.DataDirectory is { } folder ? new(folder)
        : throw new LabException($"suite {suite}: nothing is downloaded on its own; download its data and give their folder with --data (README, 'Real benchmarks')");
}
