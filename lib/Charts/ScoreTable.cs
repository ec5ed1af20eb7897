using HeadKvLab.Evaluation;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>Result rows summed up per budget and method: a table to read, and the points of <see cref="BudgetScores"/>.</summary>
public static class ScoreTable
{
    /// <summary>Exact match and token accuracy with 95 % intervals, and what was really stored. The full cache comes first, then budgets, smallest first.</summary>
    /// <param name="rows">Rows of any number of questions; each method and budget on the same ones.</param>
    /// <param name="caption">What the table shows.</param>
    /// <exception cref="ArgumentException">There are no rows.</exception>
    public static ResultTable Of(IReadOnlyList<ResultRow> rows, string caption = "")
    {
        var cells = Cells(rows, _ => "");
        return Table(cells, caption, new StringDataFrameColumn("method", cells.Select(c => c.Method)));
    }

    /// <summary>The same for each family of questions.</summary>
    /// <param name="rows">Rows of any number of questions.</param>
    /// <param name="caption">What the table shows.</param>
    /// <exception cref="ArgumentException">There are no rows.</exception>
    public static ResultTable ByFamily(IReadOnlyList<ResultRow> rows, string caption = "")
    {
        var cells = Cells(rows, r => r.Family).OrderBy(c => c.Family, StringComparer.Ordinal).ToArray();
        return Table(cells, caption, new StringDataFrameColumn("family", cells.Select(c => c.Family)), new StringDataFrameColumn("method", cells.Select(c => c.Method)));
    }

    private static ResultTable Table(Cell[] cells, string caption, params DataFrameColumn[] names)
    {
        var frame = new DataFrame([.. names,
            new DoubleDataFrameColumn("budget", cells.Select(c => c.Share)),
            Column("exact", c => c.Exact.Mean), Column("low", c => c.Exact.Low), Column("high", c => c.Exact.High),
            Column("tokens", c => c.Tokens.Mean), Column("tokensLow", c => c.Tokens.Low), Column("tokensHigh", c => c.Tokens.High),
            Column("entries", c => c.Rows.Average(r => (double)r.Entries / ((long)r.PromptTokens * r.Heads))),
            Column("kib", c => c.Rows.Average(r => (double)r.Bytes) / 1024),
            new Int32DataFrameColumn("questions", cells.Select(c => c.Rows.Count))]);
        return new ResultTable(frame, caption)
            .Percent("budget").Interval("exact", "low", "high", heading: "exact match").Interval("tokens", "tokensLow", "tokensHigh", heading: "token accuracy")
            .Percent("entries", "entries kept").Number("kib", 1, "cache, KiB").Best("exact", within: "budget", leaveOut: "FullKV");

        DoubleDataFrameColumn Column(string name, Func<Cell, double> value) => new(name, cells.Select(value));
    }

    /// <summary>The points of the chart of scores over budgets.</summary>
    public static IReadOnlyList<BudgetScore> Points(IReadOnlyList<ResultRow> rows) =>
        [.. Cells(rows, _ => "").Select(c => new BudgetScore(c.Method, c.Share, c.Exact.Mean, c.Exact.Low, c.Exact.High))];

    private sealed record Cell(string Family, string Method, double Share, IReadOnlyList<ResultRow> Rows)
    {
        internal Interval Exact { get; } = Bootstrap.Mean(Rows.Select(r => (r.Context, r.ExactMatch)));

        internal Interval Tokens { get; } = Bootstrap.Mean(Rows.Select(r => (r.Context, r.TokenAccuracy)));
    }

    private static Cell[] Cells(IReadOnlyList<ResultRow> rows, Func<ResultRow, string> family)
    {
        if (rows.Count == 0) throw new ArgumentException("there are no results to sum up", nameof(rows));
        return [.. rows.GroupBy(r => (Family: family(r), r.Method, r.Share)).Select((g, order) => (Cell: new Cell(g.Key.Family, g.Key.Method, g.Key.Share, [.. g]), order))
            .OrderByDescending(c => c.Cell.Share == 1).ThenBy(c => c.Cell.Share).ThenBy(c => c.order).Select(c => c.Cell)];
    }
}
