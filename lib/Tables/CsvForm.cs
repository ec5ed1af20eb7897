using System.Text;

namespace HeadKvLab.Tables;

/// <summary>Writes tables as comma-separated values; what would break a line is quoted.</summary>
internal static class CsvForm
{
    internal static string Write(Table table)
    {
        var text = new StringBuilder();
        text.AppendJoin(',', table.Columns.Select(column => Quote(column.Heading))).Append('\n');
        foreach (var row in table.Rows) text.AppendJoin(',', row.Select(cell => Quote(cell.Text))).Append('\n');
        return text.ToString();
    }

    private static string Quote(string value) => value.AsSpan().IndexOfAny(",\"\n\r") < 0 ? value : "\"" + value.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
}
