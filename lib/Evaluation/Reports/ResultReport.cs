using System.Globalization;
using System.Text;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>Results as data frame, CSV and Markdown. Equal rows give equal bytes, in whatever order they were measured; times are in a table of their own.</summary>
public static class ResultReport
{
    private const string Head = "suite,protocol,dataset,method,kv_size,share,discipline,granularity,window,settings,tables,seed,metric,score,low,high,samples,contexts,prompt_tokens,entries_per_head,entries_share,bytes,truncated,failed";

    /// <summary>The final table: a line for each data set and variant; scores in percent, sizes in bytes.</summary>
    public static string Csv(IReadOnlyList<ScoreCell> cells)
    {
        var text = new StringBuilder(Head).Append('\n');
        foreach (var c in cells)
            Line(text, c.Suite, c.Protocol, c.Dataset, c.Variant.Method, c.Variant.KvSize, c.Variant.Share, c.Variant.Discipline, c.Variant.Granularity, c.Variant.Window, c.Variant.Settings, c.Variant.Tables,
                c.Seed, c.Metric, Fixed(c.Score.Mean, 4), Fixed(c.Score.Low, 4), Fixed(c.Score.High, 4), c.Score.Samples, c.Contexts, Fixed(c.PromptTokens, 1), Fixed(c.Entries, 2), Fixed(c.EntriesShare, 6), Fixed(c.Bytes, 0), c.Truncated, c.Failed);
        return text.ToString();
    }

    /// <summary>Every pair of methods at equal budgets.</summary>
    public static string ComparisonCsv(IReadOnlyList<Comparison> comparisons)
    {
        var text = new StringBuilder("suite,protocol,kv_size,share,first,second,difference,low,high,samples,contexts,p,p_holm,words\n");
        foreach (var c in comparisons)
            Line(text, c.Suite, c.Protocol, c.First.KvSize, c.First.Share, c.First.Key, c.Second.Key, Fixed(c.Paired.Difference.Mean, 4), Fixed(c.Paired.Difference.Low, 4), Fixed(c.Paired.Difference.High, 4),
                c.Paired.Difference.Samples, c.Paired.Clusters, Fixed(c.Paired.P, 6), Fixed(c.CorrectedP, 6), c.Words);
        return text.ToString();
    }

    /// <summary>Mean times of each variant over the samples that have an answer, empty where none has; they differ between runs, which the other tables do not.</summary>
    public static string TimeCsv(IEnumerable<EvalRow> rows)
    {
        var text = new StringBuilder("suite,protocol,method,kv_size,share,settings,samples,prefill_s,decode_s,new_tokens,ms_per_token\n");
        foreach (var part in ResultFolder.Ordered(rows).GroupBy(r => (r.Suite, r.Protocol)))
            foreach (var variant in ScoreCells.InOrder(part.Select(r => r.Variant)))
            {
                var samples = part.Where(r => r.Variant == variant && r.Failed is null).ToArray();
                double? prefill = samples.Average(r => r.PrefillSeconds), decode = samples.Average(r => r.DecodeSeconds), tokens = samples.Average(r => (double?)r.NewTokens);
                Line(text, part.Key.Suite, part.Key.Protocol, variant.Method, variant.KvSize, variant.Share, variant.Key, samples.Length, Fixed(prefill ?? double.NaN, 4), Fixed(decode ?? double.NaN, 4),
                    Fixed(tokens ?? double.NaN, 2), tokens > 0 ? Fixed(1000 * decode / tokens ?? double.NaN, 3) : "");
            }
        return text.ToString();
    }

    /// <summary>The table as a data frame.</summary>
    public static DataFrame Frame(IReadOnlyList<ScoreCell> cells) => new(
        new StringDataFrameColumn("suite", cells.Select(c => c.Suite)), new StringDataFrameColumn("protocol", cells.Select(c => c.Protocol)),
        new StringDataFrameColumn("dataset", cells.Select(c => c.Dataset)), new StringDataFrameColumn("method", cells.Select(c => c.Variant.Method)),
        new StringDataFrameColumn("budget", cells.Select(c => c.Variant.BudgetName)), new StringDataFrameColumn("settings", cells.Select(c => c.Variant.Key)),
        new DoubleDataFrameColumn("score", cells.Select(c => c.Score.Mean)), new DoubleDataFrameColumn("low", cells.Select(c => c.Score.Low)), new DoubleDataFrameColumn("high", cells.Select(c => c.Score.High)),
        new DoubleDataFrameColumn("entries", cells.Select(c => c.EntriesShare)), new DoubleDataFrameColumn("kib", cells.Select(c => c.Bytes / 1024)), new Int32DataFrameColumn("questions", cells.Select(c => c.Score.Samples)));

    /// <summary>A table for each suite and protocol: variants down, data sets across, scores in percent with 95 % intervals (none where all questions are on one context), the average last.</summary>
    public static string Markdown(IReadOnlyList<ScoreCell> cells)
    {
        var text = new StringBuilder();
        foreach (var part in cells.GroupBy(c => (c.Suite, c.Protocol, c.Seed)))
        {
            var datasets = part.OrderBy(c => c.Dataset == ScoreCells.Average).ThenBy(c => c.IsAverage).ThenBy(c => c.Dataset, StringComparer.Ordinal).Select(c => c.Dataset).Distinct().ToArray();
            var found = part.ToDictionary(c => (c.Dataset, c.Variant));
            var suffix = Suffixes(part.Select(c => c.Variant));
            text.Append(CultureInfo.InvariantCulture, $"### {part.Key.Suite}, protocol {part.Key.Protocol}, {part.Where(c => !c.IsAverage).GroupBy(c => c.Variant).Max(g => g.Sum(c => c.Score.Samples))} questions\n\n");
            text.Append("| budget | method | ").AppendJoin(" | ", datasets).Append(" | entries kept | cache, KiB |\n|---|---|").Append(string.Concat(datasets.Select(_ => "---|"))).Append("---|---|\n");
            foreach (var variant in ScoreCells.InOrder(part.Select(c => c.Variant)))
            {
                var own = part.Where(c => c.Variant == variant && !c.IsAverage).ToArray();
                double Mean(Func<ScoreCell, double> of) => own.Sum(c => of(c) * c.Score.Samples) / own.Sum(c => c.Score.Samples);
                text.Append(CultureInfo.InvariantCulture, $"| {variant.BudgetName} | {variant.Method}{suffix(variant)} | ")
                    .AppendJoin(" | ", datasets.Select(d => found.TryGetValue((d, variant), out var cell) ? Percent(cell) : "–"))
                    .Append(CultureInfo.InvariantCulture, $" | {100 * Mean(c => c.EntriesShare):0.0} % | {Mean(c => c.Bytes) / 1024:#,0} |\n");
            }
            if (part.Where(c => !c.IsAverage).GroupBy(c => c.Variant).Select(g => (g.Key, Failed: g.Sum(c => c.Failed))).Where(f => f.Failed > 0).ToArray() is { Length: > 0 } failed)
                text.Append("\nFailed, because the model's numbers overflowed, and counted as 0: ")
                    .AppendJoin("; ", failed.Select(f => string.Create(CultureInfo.InvariantCulture, $"{f.Failed} of {f.Key.Method} at {f.Key.BudgetName}"))).Append(".\n");
            text.Append('\n');
        }
        return text.ToString();
    }

    /// <summary>What a variant differs in from the others shown with it, to stand behind the name of its method.</summary>
    internal static Func<Variant, string> Suffixes(IEnumerable<Variant> all)
    {
        var labels = VariantLabels.Of(all);
        return variant => string.Concat(labels(variant).Select(words => ", " + words));
    }

    private static string Percent(ScoreCell cell) => double.IsNaN(cell.Score.Low) ? Fixed(cell.Score.Mean, 2) : string.Create(CultureInfo.InvariantCulture, $"{cell.Score.Mean:0.00} [{cell.Score.Low:0.0}, {cell.Score.High:0.0}]");

    private static string Fixed(double value, int decimals) => double.IsNaN(value) ? "" : value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, params IReadOnlyList<object?> values) =>
        text.AppendJoin(',', values.Select(v => Quote(Convert.ToString(v, CultureInfo.InvariantCulture) ?? ""))).Append('\n');

    internal static string Quote(string value) => value.AsSpan().IndexOfAny(",\"\n\r") < 0 ? value : "\"" + value.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
}
