using HeadKvLab.Evaluation.Metrics;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>Every dataset the lab can score, by name.</summary>
public static class KnownDatasets
{
    /// <summary>LooGLE's long-dependency questions as the HeadKV paper uses them: one set for each type.</summary>
    public static IReadOnlyList<DatasetInfo> LooGle { get; } =
    [
        new("comprehension_and_reasoning", "Doc.QA", 64, "qa_f1"), new("multiple_information_retrieval", "Info. Retrieval", 64, "qa_f1"),
        new("timeline_reorder", "Timeline", 32, "qa_f1"), new("computation", "Computation", 32, "qa_f1"),
    ];

    /// <summary>LooGLE's four files as they are.</summary>
    public static IReadOnlyList<DatasetInfo> LooGleFiles { get; } =
        [new("shortdep_qa", "LooGLE", 300, "qa_f1"), new("shortdep_cloze", "LooGLE", 50, "cloze"), new("longdep_qa", "LooGLE", 500, "qa_f1"), new("longdep_summarization", "LooGLE", 500, "rouge_l")];

    /// <summary>RULER's generated tasks.</summary>
    public static IReadOnlyList<DatasetInfo> Ruler { get; } =
        [.. ((string[])["niah_single", "niah_multikey", "niah_multivalue", "niah_multiquery", "vt", "cwe"]).Select(name => new DatasetInfo(name, "RULER", 64, "all_substrings"))];

    /// <summary>Needles in a haystack.</summary>
    public static IReadOnlyList<DatasetInfo> Needles { get; } =
        [new("needle", "needle", 30, "rouge_1"), new("needle_r2", "needle", 30, "rouge_1")];

    /// <summary>BABILong's first five tasks.</summary>
    public static IReadOnlyList<DatasetInfo> BabiLong { get; } = [.. Enumerable.Range(1, 5).Select(i => new DatasetInfo($"qa{i}", "BABILong", 15, "babilong") { AlwaysChat = true })];

    /// <summary>The project's own families: short answers of several tokens.</summary>
    public static IReadOnlyList<DatasetInfo> World { get; } =
        [.. ((string[])["world_single", "world_r2attr", "world_r2where", "world_hop", "world_fewshot", "world_passage", "world_code"]).Select(name => new DatasetInfo(name, "world", 12, "exact_match"))];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<DatasetInfo> All { get; } = [.. LongBench.Datasets, .. LooGle, .. LooGleFiles, .. Ruler, .. Needles, .. BabiLong, .. ScBench.Datasets, .. World];

    /// <summary>Finds a dataset; LongBench-E's names end in <c>_e</c>.</summary>
    /// <exception cref="LabException">There is none of that name; the nearest one is suggested.</exception>
    public static DatasetInfo Find(string name)
    {
        var plain = name.EndsWith("_e", StringComparison.Ordinal) ? name[..^2] : name;
        return All.FirstOrDefault(d => d.Name == name) ?? Sized(name) ?? LongBench.Datasets.FirstOrDefault(d => d.InE && d.Name == plain)
            ?? (name.StartsWith("world_", StringComparison.Ordinal) ? new DatasetInfo(name, "world", 12, "exact_match") : null)
            ?? throw new LabException($"dataset '{name}' is unknown: did you mean '{Nearest(name, All.Select(d => d.Name))}'? Known are {string.Join(", ", All.Select(d => d.Name))}");
    }

    /// <summary>A task with its length at the end, <c>qa1_4k</c> or <c>niah_single_4096</c>.</summary>
    private static DatasetInfo? Sized(string name) => name.LastIndexOf('_') is > 0 and var at && name[(at + 1)..].TrimEnd('k') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit)
        && BabiLong.Concat(Ruler).FirstOrDefault(d => d.Name == name[..at]) is { } task ? task with { Name = name } : null;

    /// <summary>The name that takes the fewest insertions, deletions and replacements to become.</summary>
    public static string Nearest(string name, IEnumerable<string> names) => names.MinBy(other => Distance(name.ToLowerInvariant(), other))!;

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            (var diagonal, row[0]) = (row[0], i);
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
