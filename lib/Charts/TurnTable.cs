using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>Conversations by turn: a line for each method and budget, and its points for <see cref="MethodDots"/>; shares of right answers.</summary>
public static class TurnTable
{
    /// <summary>Turn 1, later turns, their difference and what of it goes beyond the full cache's, with 95 % intervals over contexts.</summary>
    /// <param name="rows">Rows of conversations.</param>
    /// <param name="caption">What the table shows.</param>
    /// <exception cref="ArgumentException">Nothing of the rows has later turns.</exception>
    public static ResultTable Of(IReadOnlyList<EvalRow> rows, string caption = "")
    {
        var gaps = Gaps(rows);
        var frame = new DataFrame([
            new StringDataFrameColumn("method", gaps.Select(g => g.Variant.Name)), new StringDataFrameColumn("budget", gaps.Select(g => g.Variant.BudgetName)),
            .. Columns("first", g => g.First), .. Columns("later", g => g.Later), .. Columns("gap", g => g.Gap.Difference), .. Columns("beyond", g => g.BeyondFull?.Difference),
            new Int32DataFrameColumn("contexts", gaps.Select(g => g.Gap.Clusters))]);
        return new ResultTable(frame, caption).Interval("first", "firstLow", "firstHigh", heading: "turn 1").Interval("later", "laterLow", "laterHigh", heading: "turns 2+")
            .Interval("gap", "gapLow", "gapHigh", heading: "turns 2+ minus turn 1").Interval("beyond", "beyondLow", "beyondHigh", heading: "beyond the full cache's");

        DoubleDataFrameColumn[] Columns(string name, Func<TurnGap, Interval?> of) =>
            [new(name, gaps.Select(g => of(g)?.Mean / 100)), new(name + "Low", gaps.Select(g => of(g)?.Low / 100)), new(name + "High", gaps.Select(g => of(g)?.High / 100))];
    }

    /// <summary>The two conditions of <see cref="Points"/>.</summary>
    public static IReadOnlyList<string> Conditions { get; } = ["turn 1", "turns 2 and later"];

    /// <summary>Scores of each method in turn 1 and in later turns.</summary>
    /// <param name="rows">Rows of conversations, each method at one budget.</param>
    /// <exception cref="ArgumentException">Nothing of the rows has later turns.</exception>
    public static IReadOnlyList<MethodScores> Points(IReadOnlyList<EvalRow> rows) => [.. Gaps(rows).Select(g => new MethodScores(g.Variant.Name, [g.First.Mean / 100, g.Later.Mean / 100])
    {
        Low = [g.First.Low / 100, g.Later.Low / 100], High = [g.First.High / 100, g.Later.High / 100],
    })];

    private static IReadOnlyList<TurnGap> Gaps(IReadOnlyList<EvalRow> rows) => TurnGaps.Of(rows) is { Count: > 0 } gaps ? gaps : throw new ArgumentException("there are no conversations of two turns and more to sum up", nameof(rows));
}
