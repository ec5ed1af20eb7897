using System.Text;

namespace HeadKvLab.Tables;

/// <summary>Writes tables in Markdown.</summary>
internal static class MarkdownForm
{
    internal static string Write(Table table)
    {
        var text = new StringBuilder();
        if (table.Name.Length > 0) text.Append('*').Append(table.Name).Append("*\n\n");
        Line(text, table.Columns.Select(column => Escape(column.Heading)));
        text.Append('|').AppendJoin('|', table.Columns.Select(column => column.Align switch { Alignment.Left => ":--", Alignment.Right => "--:", _ => "---" })).Append("|\n");
        foreach (var row in table.Rows) Line(text, row.Select(Cell));
        if (table.MarkMeans.Length > 0) text.Append("\n**Bold**: ").Append(table.MarkMeans).Append(".\n");
        foreach (var remark in table.Remarks) text.Append('\n').Append(remark).Append('\n');
        return text.ToString();
    }

    private static void Line(StringBuilder text, IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    private static string Cell(Cell cell)
    {
        var value = cell.Marked ? $"**{Escape(cell.Text)}**" : Escape(cell.Text);
        return cell.Aside.Length > 0 ? $"{value} {Escape(cell.Aside)}" : value;
    }

    private static string Escape(string text) => text.Replace("\\", "\\\\").Replace("|", "\\|").Replace("\r\n", " ").Replace('\n', ' ').Replace("<", "&lt;");
}
