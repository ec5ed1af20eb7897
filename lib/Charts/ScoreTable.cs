using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>Result rows summed up per budget and method, all questions counting alike: a table to read, and the points of <see cref="BudgetScores"/>.</summary>
public static class ScoreTable
{
    private const int FewContexts = 10;

    /// <summary>Scores with 95 % intervals, what was really stored, and on how many questions and contexts: an interval is only as good as its contexts are many. The full cache comes first, then budgets, smallest first.</summary>
    /// <param name="rows">Rows of any number of questions; each method and budget on the same ones.</param>
    /// <param name="caption">What the table shows.</param>
    /// <exception cref="ArgumentException">There are no rows.</exception>
    public static ResultTable Of(IReadOnlyList<EvalRow> rows, string caption = "")
    {
        var cells = Cells(rows);
        var reads = rows.Any(r => r.Variant.Recall is not null || r.Variant.Format is not null || r.Variant.Layers is not null) && rows.All(r => r.TouchedBytes is not null); // elsewhere what is read is what is stored
        var shortened = rows.Any(r => r.Variant.Reducer is not null);
        var formats = rows.Any(r => r.NominalBytes is not null);
        var far = formats || rows.Any(r => r.FarBytes is not null); // formats are compared by all their bytes, be it that none lie far
        var tokens = rows.All(r => r.TokenAccuracy is not null);
        var frame = new DataFrame([
            new StringDataFrameColumn("method", cells.Select(c => c.Method)),
            Column("budget", c => c.Share),
            Column("score", c => c.Score.Mean), Column("low", c => c.Score.Low), Column("high", c => c.Score.High),
            .. tokens ? (DataFrameColumn[])[Column("tokens", c => c.Tokens.Mean), Column("tokensLow", c => c.Tokens.Low), Column("tokensHigh", c => c.Tokens.High)] : [],
            Column("entries", c => c.Rows.Average(r => (double)r.Entries / ((long)r.PromptTokens * r.Heads))),
            Column("kib", c => c.Rows.Average(r => (double)r.Bytes) / 1024),
            .. formats ? (DataFrameColumn[])[Column("nominal", c => c.Rows.Average(r => (double)(r.NominalBytes ?? r.Bytes)) / 1024)] : [],
            .. far ? (DataFrameColumn[])[Column("far", c => c.Rows.Average(r => (double)(r.FarBytes ?? 0)) / 1024)] : [],
            .. reads ? (DataFrameColumn[])[Column("read", c => c.Rows.Average(r => (double)r.TouchedBytes!) / 1024)] : [],
            .. shortened ? (DataFrameColumn[])[Column("prompt", c => c.Rows.Average(r => (double)(r.ReadTokens ?? r.PromptTokens)))] : [],
            new Int32DataFrameColumn("questions", cells.Select(c => c.Rows.Count)),
            new Int32DataFrameColumn("contexts", cells.Select(c => c.Contexts))]);
        var table = new ResultTable(frame, caption).Percent("budget").Interval("score", "low", "high", heading: rows.All(r => r.Metric == "exact_match") ? "exact match" : "score");
        if (tokens) table = table.Interval("tokens", "tokensLow", "tokensHigh", heading: "token accuracy");
        table = table.Percent("entries", "entries kept").Number("kib", 1, "cache, KiB");
        if (formats) table = table.Number("nominal", 1, "nominal, KiB");
        if (far) table = table.Number("far", 1, "of it far, KiB");
        if (reads) table = table.Number("read", 1, "read for a token, KiB");
        if (shortened) table = table.Number("prompt", 0, "prompt tokens read");
        table = table.Best("score", within: "budget", leaveOut: Variant.Full.Method);
        if (HeadKvLab.Evaluation.Reports.FailedSamples.InWords([.. rows]) is { } failed) table = table.Remark(failed + ".");
        return cells.Min(c => c.Contexts) >= FewContexts ? table
            : table.Remark($"Questions on one context are not independent: the intervals are drawn from contexts, and from fewer than {FewContexts} they come out too narrow.");

        DoubleDataFrameColumn Column(string name, Func<Cell, double> value) => new(name, cells.Select(value));
    }

    /// <summary>The points of the chart of scores over budgets.</summary>
    /// <param name="rows">Rows of any number of questions.</param>
    /// <exception cref="ArgumentException">There are no rows.</exception>
    public static IReadOnlyList<BudgetScore> Points(IReadOnlyList<EvalRow> rows) => [.. Cells(rows).Select(c => new BudgetScore(c.Method, c.Share, c.Score.Mean, c.Score.Low, c.Score.High))];

    private sealed record Cell(Variant Variant, IReadOnlyList<EvalRow> Rows)
    {
        internal string Method => Variant.Name;

        internal int Contexts { get; } = Rows.Select(r => r.Context).Distinct().Count();

        internal double Share { get; } = Rows.Average(r => r.Share);

        internal Interval Score { get; } = Bootstrap.Mean(Rows.Select(r => (r.Context, r.Score)));

        internal Interval Tokens { get; } = Bootstrap.Mean(Rows.Select(r => (r.Context, r.TokenAccuracy ?? double.NaN)));
    }

    private static Cell[] Cells(IReadOnlyList<EvalRow> rows)
    {
        if (rows.Count == 0) throw new ArgumentException("there are no results to sum up", nameof(rows));
        return [.. rows.GroupBy(r => r.Variant).Select((g, order) => (Cell: new Cell(g.Key, [.. g]), order))
            .OrderByDescending(c => c.Cell.Variant.IsFull).ThenBy(c => c.Cell.Share).ThenBy(c => c.order).Select(c => c.Cell)];
    }
}
