using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Evaluation.Statistics;

/// <summary>The samples of one data set answered by one variant.</summary>
/// <param name="Suite">Suite.</param>
/// <param name="Protocol">Prompt protocol.</param>
/// <param name="Dataset">Data set; <see cref="ScoreCells.Average"/> for the mean over the data sets of the run, or the name of a <see cref="PaperAverage"/> over some of them.</param>
/// <param name="Variant">Method, budget and settings.</param>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Metric">Name of the metric; empty for an average.</param>
/// <param name="Score">Mean score in percent with its 95 % interval, whose ends are NaN where a data set has a single context: nothing can be said then.</param>
/// <param name="Contexts">Contexts that were resampled.</param>
/// <param name="PromptTokens">Mean length of the prompts.</param>
/// <param name="Entries">Mean entries kept, per head.</param>
/// <param name="EntriesShare">Entries kept as a share of the full cache's.</param>
/// <param name="Bytes">Mean bytes of the cache.</param>
/// <param name="Truncated">Prompts from whose middle tokens were cut.</param>
public sealed record ScoreCell(string Suite, string Protocol, string Dataset, Variant Variant, int Seed, string Metric, Interval Score, int Contexts,
    double PromptTokens, double Entries, double EntriesShare, double Bytes, int Truncated)
{
    /// <summary>Samples without an answer, which count as 0.</summary>
    public int Failed { get; init; }

    /// <summary>Mean score in percent without the defects of the official script; NaN where it has none.</summary>
    public double Corrected { get; init; } = double.NaN;

    /// <summary>Mean entries per head when the answers ended, those of their tokens included; NaN where no row tells.</summary>
    public double EntriesAtEnd { get; init; } = double.NaN;

    /// <summary>Mean bytes that decoding a token read; NaN where no row tells.</summary>
    public double TouchedBytes { get; init; } = double.NaN;

    /// <summary>Mean bytes of the recall's index; NaN without one.</summary>
    public double IndexBytes { get; init; } = double.NaN;

    /// <summary>Mean bytes that a token fetched into a near tier that remembers the last step; NaN without a recall that chooses pages or clusters.</summary>
    public double FetchedBytes { get; init; } = double.NaN;

    /// <summary>Mean tokens that were read for a question: fewer than the prompt has where a reducer shortened it.</summary>
    public double ReadTokens { get; init; }
    /// <summary>Mean bytes of the cache as papers count them; NaN where an older program wrote rows of a format.</summary>
    public double NominalBytes { get; init; } = double.NaN;

    /// <summary>Mean bytes of entries that lay in a far memory; 0 without one.</summary>
    public double FarBytes { get; init; } = double.NaN;

    /// <summary>Mean of the most bytes that the near memory held at once; NaN without one.</summary>
    public double NearBytes { get; init; } = double.NaN;

    /// <summary>Mean bytes that a token moved from far to near; NaN without a far memory.</summary>
    public double MovedBytes { get; init; } = double.NaN;

    /// <summary>Whether this is a mean over data sets, of them all or of those that papers average.</summary>
    public bool IsAverage => Dataset == ScoreCells.Average || PaperAverage.All.Any(a => a.Name == Dataset);

    /// <summary>The score as papers print it: percent, two decimals.</summary>
    public double Rounded => PythonText.Round2(Score.Mean);
}

/// <summary>Rows summed up: a cell for each data set and variant, and averages over data sets as the papers take them.</summary>
public static class ScoreCells
{
    /// <summary>Stands for all data sets of a suite.</summary>
    public const string Average = "average";

    /// <summary>
    /// Cells of all data sets and variants, followed for each suite of several data sets by the averages, over some of them as papers print them and over all;
    /// the order does not depend on that of the rows.
    /// </summary>
    /// <param name="rows">Rows of a results folder.</param>
    public static IReadOnlyList<ScoreCell> Of(IEnumerable<EvalRow> rows)
    {
        var ordered = ResultFolder.Ordered(rows);
        var cells = new List<ScoreCell>();
        foreach (var part in ordered.GroupBy(r => (r.Suite, r.Protocol, r.Seed)).OrderBy(g => g.Key.Suite, StringComparer.Ordinal).ThenBy(g => g.Key.Protocol, StringComparer.Ordinal).ThenBy(g => g.Key.Seed))
        {
            var datasets = part.GroupBy(r => r.Dataset).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
            var variants = InOrder(part.Select(r => r.Variant)).ToArray();
            foreach (var dataset in datasets)
                foreach (var variant in variants)
                    if (dataset.Where(r => r.Variant == variant).ToArray() is { Length: > 0 } samples) cells.Add(Cell(samples));
            if (datasets.Length < 2) continue;
            string[] names = [.. datasets.Select(d => d.Key)];
            foreach (var (name, over) in PaperAverage.All.Where(a => a.IsPartOf(part.Key.Suite, names)).Select(a => (a.Name, Over: a.Datasets)).Append((Average, names)))
                cells.AddRange(from variant in variants
                               let samples = part.Where(r => r.Variant == variant && over.Contains(r.Dataset)).ToArray()
                               where samples.Select(r => r.Dataset).Distinct().Count() == over.Count
                               select Cell(samples) with { Dataset = name, Metric = "", Score = AverageOf(samples) });
        }
        return cells;
    }

    /// <summary>The variants in the order of tables: the full cache, then budgets from small to large, methods by the catalogue, settings.</summary>
    public static IEnumerable<Variant> InOrder(IEnumerable<Variant> variants)
    {
        var methods = Compression.Catalogue.Methods.Select((m, i) => (m.Name, i)).ToDictionary(m => m.Name, m => m.i);
        return variants.Distinct().OrderByDescending(v => v.IsFull).ThenBy(v => v.Share).ThenBy(v => v.KvSize).ThenBy(v => v.Rule, StringComparer.Ordinal)
            .ThenBy(v => methods.GetValueOrDefault(v.Method, int.MaxValue)).ThenBy(v => v.Key, StringComparer.Ordinal);
    }

    /// <summary>
    /// The mean over data sets as the papers take it, unweighted and of scores rounded to two decimals. Its interval resamples contexts, each with its questions
    /// of all data sets.
    /// </summary>
    private static Interval AverageOf(IReadOnlyCollection<EvalRow> samples)
    {
        var strata = samples.GroupBy(r => r.Dataset).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => g.Select(r => (r.Context, 100 * r.Score)).ToArray()).ToArray();
        var interval = strata.All(s => s.Select(v => v.Context).Distinct().Count() > 1) ? Bootstrap.MeanOfMeans(strata) : Unknown(strata.Sum(s => s.Length));
        var rounded = strata.Average(s => PythonText.Round2(s.Average(v => v.Item2)));
        return interval with { Mean = rounded };
    }

    private static Interval Unknown(int samples) => new(double.NaN, double.NaN, double.NaN, samples);

    private static ScoreCell Cell(IReadOnlyList<EvalRow> rows)
    {
        var (first, contexts) = (rows[0], rows.Select(r => r.Context).Distinct().Count());
        var score = Bootstrap.Mean(rows.Select(r => (r.Context, 100 * r.Score)));
        var kept = rows.Where(r => r.Entries > 0).DefaultIfEmpty(first).ToArray();       // a prompt that could not be read left nothing to measure
        return new(first.Suite, first.Protocol, first.Dataset, first.Variant, first.Seed, first.Metric, contexts > 1 ? score : Unknown(rows.Count) with { Mean = score.Mean }, contexts,
            rows.Average(r => (double)r.PromptTokens), kept.Average(r => (double)r.Entries / r.Heads),
            kept.Average(r => r.Entries / ((double)r.PromptTokens * r.Heads)), kept.Average(r => (double)r.Bytes), rows.Count(r => r.Truncated)) { Failed = rows.Count(r => r.Failed is not null), Corrected = rows.All(r => r.Corrected is not null) ? 100 * rows.Average(r => r.Corrected!.Value) : double.NaN, EntriesAtEnd = MeanOf(rows, r => (double?)r.EntriesAtEnd / r.Heads), TouchedBytes = MeanOf(rows, r => r.TouchedBytes), IndexBytes = MeanOf(rows, r => r.IndexBytes), FetchedBytes = MeanOf(rows, r => r.FetchedBytes?[0]),
            NominalBytes = MeanOf(kept, r => r.NominalBytes ?? (r.Variant.Format is null ? r.Bytes : null)), FarBytes = rows.Average(r => (double)(r.FarBytes ?? 0)), NearBytes = MeanOf(rows, r => r.NearBytes), MovedBytes = MeanOf(rows, r => r.MovedBytes), ReadTokens = rows.Average(r => (double)(r.ReadTokens ?? r.PromptTokens)) };
    }

    /// <summary>The mean over the rows that tell; NaN where none does.</summary>
    private static double MeanOf(IEnumerable<EvalRow> rows, Func<EvalRow, double?> of) => rows.Select(of).OfType<double>().DefaultIfEmpty(double.NaN).Average();
}
