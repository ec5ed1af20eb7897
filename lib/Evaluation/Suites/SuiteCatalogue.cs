using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Text;

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

    /// <summary>Tokens of a text without special ones, by the model's tokenizer.</summary>
    public required Func<string, int> CountTokens { get; init; }

    /// <summary>The model's tokenizer; <c>needle-published</c> needs it.</summary>
    public TextTokenizer? Tokenizer { get; init; }
}

/// <summary>All suites by name.</summary>
public static class SuiteCatalogue
{
    private const string WorldTemplate = "{context} Question: {input} Answer:";

    /// <summary>Names that are understood beside files and LongBench's datasets.</summary>
    public static IReadOnlyList<string> Names { get; } = ["world", "longbench", "longbench-e", "loogle", "loogle-files", "babilong", "needle", "needle-published", "ruler", "scworld-2048-turns", "scworld-2048-requests", .. ScBench.Names];

    /// <summary>Opens a suite: one of <see cref="Names"/>, datasets of LongBench separated by commas, a file of JSON lines, or the name of one of the project's own files.</summary>
    /// <param name="name">The name.</param>
    /// <param name="options">What it may need.</param>
    /// <exception cref="LabException">There is none of that name (the nearest is suggested), or its data are missing or broken.</exception>
    public static SampleSuite Open(string name, SuiteOptions options)
    {
        if (File.Exists(name)) return ReadFile(name, options);
        if (ScBench.IsName(name)) return ScBench.Open(name, Data(name, options));
        var words = name.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        switch (name)
        {
            case "world": return ReadFile(Own("world-2048-test.jsonl", options), options);
            case "longbench" or "longbench-e": return OfficialSuites.ReadLongBench(Data(name, options), e: name == "longbench-e");
            case "loogle": return LooGle.LongDependency(Data(name, options));
            case "loogle-files": return LooGle.Everything(Data(name, options));
            case "babilong": return BabiLong.Read(Data(name, options));
            case "ruler": return new SampleSuite("ruler", [.. options.Lengths.SelectMany(n => new RulerGenerator(options.CountTokens, n, options.Seed).Make(options.PerTask).Sets
                .Select(set => set with { Dataset = set.Dataset with { Name = $"{set.Dataset.Name}_{n}" } }))]);
            case "scworld-2048-turns" or "scworld-2048-requests": return ReadFile(Own("scworld-2048.jsonl", options), options) with { Name = name };
            case "needle" or "needle-published": return NeedleSuite.Open(name, options);
        }
        if (options.OwnDirectory is { } own && File.Exists(Path.Combine(own, name + ".jsonl"))) return ReadFile(Path.Combine(own, name + ".jsonl"), options);
        if (words.Length > 0 && words.All(w => LongBench.Datasets.Any(d => d.Name == w))) return OfficialSuites.ReadLongBench(Data(name, options), words);
        throw new LabException($"suite '{name}' is unknown, and no file of that name is here: did you mean '{KnownDatasets.Nearest(words.FirstOrDefault(w => LongBench.Datasets.All(d => d.Name != w)) ?? name, Names.Concat(LongBench.Datasets.Select(d => d.Name)))}'? Known are {string.Join(", ", Names)}, LongBench's datasets, and files of JSON lines");
    }

    /// <summary>The protocol that asks a suite where none is named.</summary>
    /// <param name="name">The suite's name.</param>
    public static string UsualProtocol(string name) => name == "scworld-2048-requests" ? Protocol.Requests.Name
        : name == "scworld-2048-turns" || ScBench.IsName(name) || (File.Exists(name) && SessionRecords.Are(name)) ? Protocol.GoldenTurns.Name : Protocol.Standard.Name;

    /// <summary>Reads JSON lines in LongBench's form, where the field <c>dataset</c> groups them, or conversations in SCBench's (<see cref="SessionRecords"/>).</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Where prompts of official datasets lie.</param>
    /// <exception cref="LabException">The file is missing or broken, or a dataset's prompt is.</exception>
    public static SampleSuite ReadFile(string path, SuiteOptions options)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        if (SessionRecords.Are(path)) return ScBench.Read(name, path, ScBench.Tasks.FirstOrDefault(task => task == name), new DataFolder(options.DataDirectory ?? Path.GetDirectoryName(Path.GetFullPath(path))!));
        var sets = LongBenchRecords.Read(path).GroupBy(r => r.Line.Text("dataset")).Select(group =>
        {
            try
            {
                return Set(path, KnownDatasets.Find(group.Key), [.. group.Select(r => r.Sample)], options);
            }
            catch (LabException e)
            {
                throw new LabException($"{path}, line {group.First().Line.Number}: {e.Message}", e);
            }
        });
        return new SampleSuite(name, [.. sets]).Checked();
    }

    private static SampleSet Set(string path, DatasetInfo dataset, Sample[] samples, SuiteOptions options) => dataset.Group == "world"
        ? World(dataset, samples)
        : OfficialSuites.Set(new DataFolder(options.DataDirectory ?? Path.GetDirectoryName(Path.GetFullPath(path))!), dataset, samples);

    /// <summary>Questions of the project's own world: asked plainly, answered up to the full stop.</summary>
    /// <param name="dataset">The family.</param>
    /// <param name="samples">Its questions.</param>
    public static SampleSet World(DatasetInfo dataset, IReadOnlyList<Sample> samples) => new(dataset, WorldTemplate, samples) { StopToken = ".", Reply = " {answer}.", Next = " Question: {input} Answer:" };

    private static string Own(string file, SuiteOptions options) => Path.Combine(options.OwnDirectory ?? "data/suites", file);

    private static DataFolder Data(string suite, SuiteOptions options) => options.DataDirectory is { } folder ? new(folder)
        : throw new LabException($"suite {suite}: nothing is downloaded on its own; download its data and give their folder with --data (docs/benchmarks.md)");
}
