using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>What results were made with, in words for the end of a report.</summary>
public static class Provenance
{
    /// <summary>The tables that methods used, a line each: name, hash, and the file that the folder's card names.</summary>
    /// <param name="rows">Rows of a results folder.</param>
    /// <param name="card">Its card; null where there is none.</param>
    public static string Tables(IEnumerable<EvalRow> rows, FolderCard? card) => Lines(
        from table in rows.SelectMany(row => row.Variant.Tables).Distinct()
        let source = card?.Tables.GetValueOrDefault(table.Key)?.GetValueOrDefault(table.Value)
        orderby table.Key, table.Value
        select $"table '{table.Key}': {table.Value}{(source is null ? "" : $" ({source})")}");

    /// <summary>The builds of the program that answered, a line each.</summary>
    public static string Programs(IEnumerable<EvalRow> rows) =>
        Lines(rows.Select(row => $"program {row.Program}, commit {row.Commit}, built {row.Built}").Distinct().Order(StringComparer.Ordinal));

    private static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(line => $"- {line}\n"));
}
