using System.Text;

namespace HeadKvLab.Charts;

/// <summary>Writes result tables as Markdown and as plain text.</summary>
internal static class TextTable
{
    public static string Markdown(ResultTable table)
    {
        var cells = Cells(table, best => $"**{best}**", text => text.Replace("\\", "\\\\").Replace("|", "\\|").Replace("\r\n", " ").Replace('\n', ' ').Replace("<", "&lt;"));
        var text = new StringBuilder();
        if (table.Caption.Length > 0) text.Append("*").Append(table.Caption).Append("*\n\n");
        for (var row = 0; row < cells.Count; row++)
        {
            text.Append("| ").AppendJoin(" | ", cells[row]).Append(" |\n");
            if (row == 0) text.Append('|').AppendJoin('|', table.Columns.Select(column => column.IsNumber ? "--:" : ":--")).Append("|\n");
        }
        if (table.BestMeans.Length > 0) text.Append("\n**Bold**: ").Append(table.BestMeans).Append(".\n");
        foreach (var remark in table.Remarks) text.Append('\n').Append(remark).Append('\n');
        return text.ToString();
    }

    public static string Plain(ResultTable table)
    {
        var cells = Cells(table, best => best + "*", text => text.Replace("\r\n", " ").Replace('\n', ' '));
        var widths = table.Columns.Select((_, index) => cells.Max(row => row[index].Length)).ToArray();
        var text = new StringBuilder();
        if (table.Caption.Length > 0) text.Append(table.Caption).Append('\n');
        for (var row = 0; row < cells.Count; row++)
        {
            var line = cells[row].Select((cell, index) => table.Columns[index].IsNumber ? cell.PadLeft(widths[index]) : cell.PadRight(widths[index]));
            text.Append(string.Join("  ", line).TrimEnd()).Append('\n');
            if (row == 0) text.Append(string.Join("  ", widths.Select(width => new string('-', width)))).Append('\n');
        }
        if (table.BestMeans.Length > 0) text.Append("* ").Append(table.BestMeans).Append('\n');
        foreach (var remark in table.Remarks) text.Append(remark).Append('\n');
        return text.ToString();
    }

    /// <summary>Headings, then the rows: each cell escaped, the best ones marked.</summary>
    private static List<string[]> Cells(ResultTable table, Func<string, string> mark, Func<string, string> escape)
    {
        var cells = new List<string[]> { table.Columns.Select(column => escape(column.Heading)).ToArray() };
        for (var row = 0L; row < table.Frame.Rows.Count; row++)
        {
            cells.Add([.. table.Columns.Select(column =>
            {
                var cell = column.Cell(row);
                var value = escape(cell.Text);
                if (column.BestRows?.Contains(row) == true) value = mark(value);
                return cell.Aside.Length > 0 ? $"{value} {escape(cell.Aside)}" : value;
            })]);
        }
        return cells;
    }
}
