using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>The tables of a results folder, all made from its rows.</summary>
public static class ReportFiles
{
    /// <summary>Writes <c>table.csv</c>, <c>comparisons.csv</c>, <c>table.md</c> and <c>times.csv</c>, and of conversations <c>turns.csv</c>; each replaces its predecessor as a whole.</summary>
    /// <param name="folder">The results folder.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="card">Its card; null where there is none.</param>
    /// <exception cref="LabException">The disk refuses.</exception>
    public static void Write(string folder, IReadOnlyList<EvalRow> rows, FolderCard? card = null)
    {
        if (rows.Count == 0) return;
        var cells = ScoreCells.Of(rows);
        var (comparisons, turns) = (Comparisons.Of(rows), TurnGaps.Of(rows));
        ResultFolder.Replace(folder, "table.csv", ResultReport.Csv(cells));
        ResultFolder.Replace(folder, "comparisons.csv", ResultReport.ComparisonCsv(comparisons));
        ResultFolder.Replace(folder, "table.md", ResultReport.Markdown(cells) + TurnReport.Markdown(turns) + PublishedFigures.Beside(cells, card?.KnownAs) + string.Concat(Comparisons.InWords(comparisons).Select(words => $"- {words}\n")) + Provenance.Tables(rows, card));
        if (turns.Count > 0) ResultFolder.Replace(folder, "turns.csv", TurnReport.Csv(turns));
        ResultFolder.Replace(folder, "times.csv", ResultReport.TimeCsv(rows));
    }
}
