using HeadKvLab.Tables;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>
/// A data frame as a table to read: numbers aligned, intervals beside their values, the best value marked. Notebooks show it as
/// HTML whose headings sort it; without scripts it is the same table, unsorted. Methods give a new table and leave this one as it is.
/// </summary>
/// <example>
/// <code>
/// new ResultTable(frame, "Exact match at 6 % of the cache")
///     .Interval("score", "low", "high").Best("score", leaveOut: "FullKV").Percent("budget").Hide("seed")
/// </code>
/// </example>
[TypeFormatterSource(typeof(ResultTableFormatterSource), PreferredMimeTypes = ["text/html", "text/plain"])]
public sealed class ResultTable
{
    private readonly IReadOnlyList<FrameColumn> columns;
    private readonly IReadOnlyList<string> remarks;

    /// <summary>Shows every column of a frame.</summary>
    /// <param name="frame">The results.</param>
    /// <param name="caption">What the table shows; empty for none.</param>
    public ResultTable(DataFrame frame, string caption = "") : this(frame, caption, [.. frame.Columns.Select(FrameColumn.Of)], []) { }

    private ResultTable(DataFrame frame, string caption, IReadOnlyList<FrameColumn> columns, IReadOnlyList<string> remarks) =>
        (Frame, Caption, this.columns, this.remarks) = (frame, caption, [.. columns.Select(column => column.Best is { } rule ? column with { BestRows = BestRows(frame, column, rule) } : column)], remarks);

    /// <summary>The results.</summary>
    public DataFrame Frame { get; }

    /// <summary>What the table shows.</summary>
    public string Caption { get; }

    /// <summary>What is shown, as it is written.</summary>
    public Table Table => new(Caption, [.. columns.Select(column => column.Column)],
        [.. Enumerable.Range(0, (int)Frame.Rows.Count).Select(row => (IReadOnlyList<Cell>)[.. columns.Select(column => column.Cell(row) with { Marked = column.BestRows?.Contains(row) == true })])])
    { MarkMeans = BestMeans(), Remarks = remarks };

    /// <summary>Spells a column's numbers with a fixed count of decimals.</summary>
    /// <param name="column">Name of the column in the frame.</param>
    /// <param name="decimals">Digits after the point.</param>
    /// <param name="heading">Its heading, with the unit; the name by default.</param>
    /// <exception cref="ArgumentException">The table shows no such column.</exception>
    public ResultTable Number(string column, int decimals, string? heading = null) =>
        Replace(column, old => FrameColumn.Number(Frame[column], heading ?? old.Column.Heading, value => Format.Fixed(value, decimals)));

    /// <summary>Spells a column of shares as percentages: 0.03 as <c>3 %</c>.</summary>
    /// <exception cref="ArgumentException">The table shows no such column.</exception>
    public ResultTable Percent(string column, string? heading = null) =>
        Replace(column, old => FrameColumn.Number(Frame[column], heading ?? old.Column.Heading, Format.Percent));

    /// <summary>Puts the interval that two other columns hold beside a column's values, <c>0.62 [0.55, 0.69]</c>, and hides those two.</summary>
    /// <param name="column">Name of the column of values.</param>
    /// <param name="low">Name of the column of lower ends.</param>
    /// <param name="high">Name of the column of upper ends.</param>
    /// <param name="decimals">Digits after the point.</param>
    /// <param name="heading">Its heading; the name by default.</param>
    /// <exception cref="ArgumentException">The table shows no such columns.</exception>
    public ResultTable Interval(string column, string low, string high, int decimals = 2, string? heading = null) =>
        Replace(column, old => FrameColumn.Interval(Frame[column], Frame[low], Frame[high], heading ?? old.Column.Heading, value => Format.Fixed(value, decimals))).Hide(low, high);

    /// <summary>Gives a column another heading.</summary>
    /// <exception cref="ArgumentException">The table shows no such column.</exception>
    public ResultTable Heading(string column, string heading) => Replace(column, old => old with { Column = old.Column with { Name = heading } });

    /// <summary>Leaves columns out; they stay in the frame.</summary>
    /// <exception cref="ArgumentException">The table shows no such column.</exception>
    public ResultTable Hide(params string[] hidden)
    {
        foreach (var name in hidden) IndexOf(name);
        return new ResultTable(Frame, Caption, [.. columns.Where(column => !hidden.Contains(column.Source))], remarks);
    }

    /// <summary>Adds a line below the table.</summary>
    /// <param name="words">A sentence that its reader needs.</param>
    public ResultTable Remark(string words) => new(Frame, Caption, columns, [.. remarks, words]);

    /// <summary>Marks the best value of a column, and all that read the same as shown; a line below the table says so.</summary>
    /// <param name="column">Name of the column.</param>
    /// <param name="highest">Whether the highest is the best, else the lowest.</param>
    /// <param name="within">A column whose equal values form groups, each with a best of its own; null for the whole table.</param>
    /// <param name="leaveOut">Rows that have this text in one of their columns take no part, such as the uncompressed reference.</param>
    /// <exception cref="ArgumentException">The table shows no such column, or it holds no numbers.</exception>
    public ResultTable Best(string column, bool highest = true, string? within = null, string? leaveOut = null)
    {
        return Replace(column, old => old with { Best = new BestRule(highest, within, leaveOut) });
    }

    /// <summary>The table as a piece of HTML; equal tables give equal HTML.</summary>
    public string ToHtml() => Table.ToHtml();

    /// <summary>The table in Markdown, the best values in bold.</summary>
    public string ToMarkdown() => Table.ToMarkdown();

    /// <summary>Writes the frame, all columns and all digits, as CSV in UTF-8.</summary>
    /// <param name="path">File to write; its folder is made where it is missing.</param>
    public void SaveCsv(string path)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
        // Both are given because the package's own defaults, ASCII and the current culture, lose letters and commas.
        DataFrame.SaveCsv(Frame, path, encoding: new System.Text.UTF8Encoding(false), cultureInfo: System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The table in plain text, the best values marked with an asterisk.</summary>
    public override string ToString() => Table.ToText();

    /// <summary>What the mark of the best says; empty where nothing is marked.</summary>
    private string BestMeans()
    {
        var told = columns.Where(column => column.BestRows is { Count: > 0 }).Select(column => $"the {(column.Best!.Highest ? "highest" : "lowest")} {column.Column.Heading}"
            + (column.Best.Within is { } within ? $" for each {columns.FirstOrDefault(known => known.Source == within)?.Column.Heading ?? within}" : "")
            + (column.Best.LeaveOut is { } leftOut ? $", {leftOut} aside" : "")).ToArray();
        return told.Length == 0 ? "" : string.Join("; ", told) + "; equal values are all marked";
    }

    private ResultTable Replace(string column, Func<FrameColumn, FrameColumn> change)
    {
        var index = IndexOf(column);
        var changed = columns.ToArray();
        var made = change(columns[index]);
        changed[index] = made.Best is null ? made with { Best = columns[index].Best } : made;
        return new ResultTable(Frame, Caption, changed, remarks);
    }

    /// <summary>The rows that a rule marks, by what their cells say: of 0.616 and 0.617, both shown as 0.62, a reader sees two equal ones.</summary>
    private static HashSet<long> BestRows(DataFrame frame, FrameColumn column, BestRule rule)
    {
        var (values, best) = (frame[column.Source], new HashSet<long>());
        var rows = Enumerable.Range(0, (int)frame.Rows.Count).Select(row => (long)row)
            .Where(row => !double.IsNaN(FrameColumn.Value(values, row)))
            .Where(row => rule.LeaveOut is null || !frame.Rows[row].Contains(rule.LeaveOut));
        foreach (var group in rows.GroupBy(row => rule.Within is null ? "" : frame[rule.Within][row] ?? ""))
        {
            var first = rule.Highest ? group.MaxBy(row => FrameColumn.Value(values, row)) : group.MinBy(row => FrameColumn.Value(values, row));
            best.UnionWith(group.Where(row => column.Cell(row).Text == column.Cell(first).Text));
        }
        return best;
    }

    private int IndexOf(string column)
    {
        for (var index = 0; index < columns.Count; index++)
            if (columns[index].Source == column) return index;
        throw new ArgumentException($"The table shows no column '{column}'; it shows {string.Join(", ", columns.Select(known => $"'{known.Source}'"))}.");
    }

    /// <summary>Makes the formatters by which notebooks show tables.</summary>
    internal sealed class ResultTableFormatterSource
    {
        /// <summary>One formatter for each kind of content.</summary>
        public IEnumerable<object> CreateTypeFormatters() =>
        [
            new TypeFormatter("text/html", value => (value as ResultTable)?.ToHtml()),
            new TypeFormatter("text/markdown", value => (value as ResultTable)?.ToMarkdown()),
            new TypeFormatter("text/plain", value => (value as ResultTable)?.ToString()),
        ];
    }
}
