namespace HeadKvLab.Evaluation.Suites;

/// <summary>Reads LongBench from a folder that the user downloaded, its prompts and lengths included.</summary>
public static class OfficialSuites
{
    private const string Source = "download THUDM/LongBench (its data.zip and the folder LongBench/config) and give that folder with --data";

    /// <summary>LongBench, or some of its datasets.</summary>
    /// <param name="folder">The download.</param>
    /// <param name="names">Datasets; null for those of the 21 (or of LongBench-E) whose files are there.</param>
    /// <param name="e">LongBench-E's files, NAME_e.jsonl.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public static SampleSuite ReadLongBench(DataFolder folder, IReadOnlyList<string>? names = null, bool e = false)
    {
        var wanted = LongBench.Datasets.Where(d => (!e || d.InE) && (names is null ? folder.Find(File(d)) is not null : names.Contains(d.Name))).ToArray();
        if (wanted.Length == 0) throw new LabException($"{folder.Path}: no dataset of LongBench{(e ? "-E" : "")} here, for example {File(LongBench.Datasets[1])}; {Source}");
        return new SampleSuite(e ? "longbench-e" : "longbench", [.. wanted.Select(d => Set(folder, d, [.. LongBenchRecords.Read(folder.Need(File(d), Source)).Select(r => r.Sample)]))]).Checked();

        string File(DatasetInfo d) => d.Name + (e ? "_e.jsonl" : ".jsonl");
    }

    /// <summary>Samples of a dataset of LongBench, asked with the official prompt and length.</summary>
    /// <param name="folder">Holds dataset2prompt.json, and dataset2maxlen.json unless the published lengths will do.</param>
    /// <param name="dataset">The dataset.</param>
    /// <param name="samples">Its samples.</param>
    /// <exception cref="LabException">The prompts are missing, or have none for the dataset.</exception>
    public static SampleSet Set(DataFolder folder, DatasetInfo dataset, IReadOnlyList<Sample> samples)
    {
        var path = folder.Need("dataset2prompt.json", Source);
        var lengths = folder.Find("dataset2maxlen.json") is { } file ? DataFolder.Counts(file) : [];
        return new SampleSet(dataset with { MaxNewTokens = lengths.GetValueOrDefault(dataset.Name, dataset.MaxNewTokens) },
            DataFolder.Texts(path).TryGetValue(dataset.Name, out var prompt) ? prompt : throw new LabException($"{path}: no prompt for {dataset.Name}; get the official file again"), samples);
    }
}
