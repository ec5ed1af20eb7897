using System.Globalization;
using System.Text;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tables;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>Results as data frame, CSV and Markdown. Equal rows give equal bytes, in whatever order they were measured; times are in a table of their own.</summary>
public static class ResultReport
{
    /// <summary>The final table: a line for each data set and variant; scores in percent, sizes in bytes.</summary>
    public static string Csv(IReadOnlyList<ScoreCell> cells) => Table.Of("", cells,
    [
        ("suite", c => c.Suite), ("protocol", c => c.Protocol), ("dataset", c => c.Dataset), ("method", c => c.Variant.Name), ("kv_size", c => c.Variant.KvSize), ("share", c => c.Variant.Share),
        ("discipline", c => c.Variant.Rule), ("granularity", c => c.Variant.Granularity), ("window", c => c.Variant.Window), ("settings", c => c.Variant.Settings), ("tables", c => c.Variant.Tables),
        ("seed", c => c.Seed), ("metric", c => c.Metric), (Number("score", 4), c => c.Score.Mean), (Number("low", 4), c => c.Score.Low), (Number("high", 4), c => c.Score.High), ("samples", c => c.Score.Samples),
        ("contexts", c => c.Contexts), (Number("prompt_tokens", 1), c => c.PromptTokens), (Number("entries_per_head", 2), c => c.Entries), (Number("entries_share", 6), c => c.EntriesShare),
        (Number("bytes", 0), c => c.Bytes), ("truncated", c => c.Truncated), ("failed", c => c.Failed), (Number("entries_per_head_at_end", 2), c => Known(c.EntriesAtEnd)),
        (Number("bytes_read_per_token", 0), c => Known(c.TouchedBytes)), (Number("index_bytes", 0), c => Known(c.IndexBytes)), (Number("bytes_fetched_per_token", 0), c => Known(c.FetchedBytes)),
        (Number("nominal_bytes", 0), c => Known(c.NominalBytes)), (Number("far_bytes", 0), c => Known(c.FarBytes)), (Number("near_bytes", 0), c => Known(c.NearBytes)), (Number("bytes_moved_per_token", 0), c => Known(c.MovedBytes)), (Number("tokens_read", 1), c => c.ReadTokens),
        .. cells.All(c => double.IsNaN(c.Corrected)) ? (ReadOnlySpan<(Column, Func<ScoreCell, object?>)>)[] : [(Number("corrected", 4), c => Known(c.Corrected))],
    ]).ToCsv();

    private static object? Known(double value) => double.IsNaN(value) ? null : value;

    /// <summary>Every pair of methods at equal budgets.</summary>
    public static string ComparisonCsv(IReadOnlyList<Comparison> comparisons) => Table.Of("", comparisons,
        ("suite", c => c.Suite), ("protocol", c => c.Protocol), ("kv_size", c => c.First.KvSize), ("share", c => c.First.Share), ("first", c => c.First.Key), ("second", c => c.Second.Key),
        (Number("difference", 4), c => c.Paired.Difference.Mean), (Number("low", 4), c => c.Paired.Difference.Low), (Number("high", 4), c => c.Paired.Difference.High), ("samples", c => c.Paired.Difference.Samples),
        ("contexts", c => c.Paired.Clusters), (Number("p", 6), c => c.Paired.P), (Number("p_holm", 6), c => c.CorrectedP), ("words", c => c.Words)).ToCsv();

    /// <summary>Mean times of each variant over the samples that have an answer, empty where none has; they differ between runs, which the other tables do not.</summary>
    public static string TimeCsv(IEnumerable<EvalRow> rows)
    {
        var runs = from part in ResultFolder.Ordered(rows).GroupBy(r => (r.Suite, r.Protocol))
                   from variant in ScoreCells.InOrder(part.Select(r => r.Variant))
                   let samples = part.Where(r => r.Variant == variant && r.Failed is null).ToArray()
                   select (part.Key.Suite, part.Key.Protocol, Variant: variant, Samples: samples.Length,
                       Prefill: samples.Average(r => r.PrefillSeconds), Decode: samples.Average(r => r.DecodeSeconds), Reduce: samples.Average(r => r.ReduceSeconds), Tokens: samples.Average(r => (double?)r.NewTokens));
        return Table.Of("", runs,
            ("suite", r => r.Suite), ("protocol", r => r.Protocol), ("method", r => r.Variant.Name), ("kv_size", r => r.Variant.KvSize), ("share", r => r.Variant.Share), ("settings", r => r.Variant.Key), ("samples", r => r.Samples),
            (Number("reduce_s", 4), r => r.Reduce), (Number("prefill_s", 4), r => r.Prefill), (Number("decode_s", 4), r => r.Decode), (Number("new_tokens", 2), r => r.Tokens), (Number("ms_per_token", 3), r => r.Tokens > 0 ? 1000 * r.Decode / r.Tokens : null)).ToCsv();
    }

    /// <summary>The table as a data frame.</summary>
    public static DataFrame Frame(IReadOnlyList<ScoreCell> cells) => new(
        new StringDataFrameColumn("suite", cells.Select(c => c.Suite)), new StringDataFrameColumn("protocol", cells.Select(c => c.Protocol)),
        new StringDataFrameColumn("dataset", cells.Select(c => c.Dataset)), new StringDataFrameColumn("method", cells.Select(c => c.Variant.Name)),
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
            var table = Table.Of("", ScoreCells.InOrder(part.Select(c => c.Variant)),
            [
                ("budget", v => v.BudgetName), ("method", v => v.Name + suffix(v)), .. datasets.Select(d => (new Column(d) { Missing = "–" }, (Func<Variant, object?>)(v => found.TryGetValue((d, v), out var cell) ? Percent(cell.Score) : null))),
                .. part.Where(c => !c.IsAverage && !double.IsNaN(c.Corrected)).Select(c => c.Dataset).Distinct().Order(StringComparer.Ordinal).Select(d => (new Column($"{d}, corrected") { Format = "0.00", Missing = "–" }, (Func<Variant, object?>)(v => found.TryGetValue((d, v), out var cell) ? Known(cell.Corrected) : null))),
                (new("entries kept") { Format = "0.0 '%'" }, v => 100 * Mean(v, c => c.EntriesShare)), (new("cache") { Unit = "KiB", Format = "#,0" }, v => Mean(v, c => c.Bytes) / 1024),
                .. part.All(c => c.Variant.Format is null) ? (ReadOnlySpan<(Column, Func<Variant, object?>)>)[] : [Kib("nominal", c => c.NominalBytes)],
                .. !part.Any(c => c.Variant.Format is not null || c.FarBytes > 0) ? (ReadOnlySpan<(Column, Func<Variant, object?>)>)[] : [Kib("of it far", c => c.FarBytes)],
                .. part.All(c => c.Variant.Schedule == Compression.Catalogue.Never) ? (ReadOnlySpan<(Column, Func<Variant, object?>)>)[] : [(new Column("entries per head, at the end") { Format = "#,0.0", Missing = "–" }, v => Known(Mean(v, c => c.EntriesAtEnd)))],
                .. part.All(c => c.Variant.Recall is null && c.Variant.Format is null && c.Variant.Layers is null) ? (ReadOnlySpan<(Column, Func<Variant, object?>)>)[] : [Kib("read for a token", c => c.TouchedBytes)],
                .. part.All(c => c.Variant.Recall is null) ? (ReadOnlySpan<(Column, Func<Variant, object?>)>)[] : [Kib("index", c => c.IndexBytes), Kib("fetched for a token", c => c.FetchedBytes)],
                .. part.All(c => c.Variant.Reducer is null) ? (ReadOnlySpan<(Column, Func<Variant, object?>)>)[] : [(new Column("prompt tokens read") { Format = "#,0" }, v => Mean(v, c => c.ReadTokens))],
                .. !part.Any(c => c.FarBytes > 0) ? (ReadOnlySpan<(Column, Func<Variant, object?>)>)[] : [Kib("near at once", c => c.NearBytes), Kib("moved for a token", c => c.MovedBytes)],
            ]);
            text.Append(table.ToMarkdown());
            if (part.Where(c => !c.IsAverage).GroupBy(c => c.Variant).Select(g => (g.Key, Failed: g.Sum(c => c.Failed))).Where(f => f.Failed > 0).ToArray() is { Length: > 0 } failed)
                text.Append("\nFailed, because the model's numbers overflowed, and counted as 0: ")
                    .AppendJoin("; ", failed.Select(f => string.Create(CultureInfo.InvariantCulture, $"{f.Failed} of {f.Key.Name} at {f.Key.BudgetName}"))).Append(".\n");
            text.Append('\n');

            (Column, Func<Variant, object?>) Kib(string name, Func<ScoreCell, double> bytes) => (new(name) { Unit = "KiB", Format = "#,0.0", Missing = "–" }, v => Known(Mean(v, bytes) / 1024));

            double Mean(Variant variant, Func<ScoreCell, double> of)
            {
                var own = part.Where(c => c.Variant == variant && !c.IsAverage).ToArray();
                return own.Sum(c => of(c) * c.Score.Samples) / own.Sum(c => c.Score.Samples);
            }
        }
        return text.ToString();
    }

    /// <summary>What a variant differs in from the others shown with it, to stand behind the name of its method.</summary>
    internal static Func<Variant, string> Suffixes(IEnumerable<Variant> all)
    {
        var labels = VariantLabels.Of(all);
        return variant => string.Concat(labels(variant).Select(words => ", " + words));
    }

    /// <summary>A score in percent with its interval, where it has one.</summary>
    internal static string Percent(Interval score) => score.Mean.ToString("0.00", CultureInfo.InvariantCulture) + (double.IsNaN(score.Low) ? "" : string.Create(CultureInfo.InvariantCulture, $" [{score.Low:0.0}, {score.High:0.0}]"));

    private static Column Number(string name, int decimals) => new(name) { Format = "F" + decimals.ToString(CultureInfo.InvariantCulture) };
}
