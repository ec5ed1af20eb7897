using System.Text;

namespace HeadKvLab.Tables;

/// <summary>Writes tables as plain text of a fixed pitch.</summary>
internal static class TextForm
{
    internal static string Write(Table table)
    {
        var text = new StringBuilder();
        if (table.Name.Length > 0) text.Append(table.Name).Append('\n');
        foreach (var line in Head(table)) text.Append(line).Append('\n');
        foreach (var line in Body(table)) text.Append(line).Append('\n');
        foreach (var line in Below(table)) text.Append(line).Append('\n');
        return text.ToString();
    }

    /// <summary>The headings and the rule below them; none where no column has a name.</summary>
    internal static IEnumerable<string> Head(Table table)
    {
        if (table.Columns.All(column => column.Heading.Length == 0)) yield break;
        var widths = Widths(table);
        yield return Line(table, widths, table.Columns.Select(column => column.Heading));
        yield return string.Join("  ", widths.Select(width => new string('-', width)));
    }

    /// <summary>The rows.</summary>
    internal static IEnumerable<string> Body(Table table)
    {
        var widths = Widths(table);
        return table.Rows.Select(row => Line(table, widths, row.Select(Cell)));
    }

    /// <summary>What the mark means, and the remarks.</summary>
    internal static IEnumerable<string> Below(Table table) => table.MarkMeans.Length > 0 ? table.Remarks.Prepend("* " + table.MarkMeans) : table.Remarks;

    private static int[] Widths(Table table) =>
        [.. table.Columns.Select((column, at) => table.Rows.Select(row => Cell(row[at]).Length).Prepend(OneLine(column.Heading).Length).Max())];

    private static string Line(Table table, int[] widths, IEnumerable<string> cells) => string.Join("  ", cells.Select((cell, at) =>
        table.Columns[at].Align == Alignment.Right ? OneLine(cell).PadLeft(widths[at]) : OneLine(cell).PadRight(widths[at]))).TrimEnd();

    private static string Cell(Cell cell) => OneLine(cell.Text) + (cell.Marked ? "*" : "") + (cell.Aside.Length > 0 ? " " + OneLine(cell.Aside) : "");

    private static string OneLine(string text) => text.Replace("\r\n", " ").Replace('\n', ' ');
}
