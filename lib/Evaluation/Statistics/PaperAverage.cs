using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Evaluation.Statistics;

/// <summary>Data sets whose unweighted mean papers print.</summary>
/// <param name="Name">Its name in tables.</param>
/// <param name="Suite">The suite that has them.</param>
/// <param name="Datasets">The data sets.</param>
public sealed record PaperAverage(string Name, string Suite, IReadOnlyList<string> Datasets)
{
    /// <summary>All of them: HeadKV's six QA sets, the sixteen sets of the other papers, and HeadKV's four types of LooGLE.</summary>
    public static IReadOnlyList<PaperAverage> All { get; } =
    [
        new("average of 6", "longbench", ["narrativeqa", "qasper", "multifieldqa_en", "hotpotqa", "2wikimqa", "musique"]),
        new("average of 16", "longbench", [.. LongBench.Datasets.Where(d => d.InSixteen).Select(d => d.Name)]),
        new("average of 4", "loogle", [.. KnownDatasets.LooGle.Select(d => d.Name)]),
    ];

    /// <summary>Whether a run has exactly these data sets, so that its mean over all is this average.</summary>
    public bool IsOf(string suite, IEnumerable<string> datasets) => suite == Suite && datasets.Order(StringComparer.Ordinal).SequenceEqual(Datasets.Order(StringComparer.Ordinal));

    /// <summary>Whether a run has these data sets and others.</summary>
    public bool IsPartOf(string suite, IReadOnlyCollection<string> datasets) => suite == Suite && Datasets.Count < datasets.Count && Datasets.All(datasets.Contains);
}
