using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Statistics;

/// <summary>Turn 1 against later turns, by hand.</summary>
public sealed class TurnGapTests : FolderTests
{
    private static EvalRow Turn(int context, int turn, double score, Variant? variant = null) =>
        SomeRows.Row(10 * context + turn, score, variant, dataset: $"d{turn % 2}", context: $"c{context}") with { Session = $"c{context}", Turn = turn };

    /// <summary>
    /// Scores by context, turn 1 | 2, 3. SnapKV: 1 | 0, 0; 1 | 1, 0; 0 | 0, 0. First 66.67, later 1/6 = 16.67; gaps -100, -50, 0, mean -50. All three signs flipped give 8 cases; with the
    /// 0 left out 4 of which 2 are as far from 0: p = 0.5. The full cache: 1 | 1, 1; 1 | 1, 1; 1 | 0, 1: gaps 0, 0, -50; beyond it -100, -50, +50: mean -33.33.
    /// </summary>
    private static EvalRow[] Rows() =>
    [
        Turn(1, 1, 1), Turn(1, 2, 0), Turn(1, 3, 0), Turn(2, 1, 1), Turn(2, 2, 1), Turn(2, 3, 0), Turn(3, 1, 0), Turn(3, 2, 0), Turn(3, 3, 0),
        .. new[] { (1, 1, 1.0), (1, 2, 1), (1, 3, 1), (2, 1, 1), (2, 2, 1), (2, 3, 1), (3, 1, 1), (3, 2, 0), (3, 3, 1) }.Select(t => Turn(t.Item1, t.Item2, t.Item3, Variant.Full)),
    ];

    [Fact]
    public void By_hand()
    {
        var gaps = TurnGaps.Of(Rows());
        Assert.Equal(["FullKV", "SnapKV"], gaps.Select(g => g.Variant.Method));
        var snap = gaps[1];
        Assert.Equal([66.67, 33.33, 0], snap.Turns.Select(t => Math.Round(t, 2)));
        Assert.Equal((66.67, 16.67, -50, 0.5, 3), (Math.Round(snap.First.Mean, 2), Math.Round(snap.Later.Mean, 2), snap.Gap.Difference.Mean, snap.Gap.P, snap.Gap.Clusters));
        Assert.Equal(-33.33, Math.Round(snap.BeyondFull!.Value.Difference.Mean, 2));
        Assert.Null(gaps[0].BeyondFull);
        Assert.Equal(1, snap.CorrectedP);   // two variants, Holm: 2 x 0.5
        Assert.InRange(snap.Gap.Difference.Low, -100, -50);
    }

    [Fact]
    public void A_context_without_both_kinds_of_turns_does_not_count()
    {
        var gaps = TurnGaps.Of([.. Rows(), Turn(4, 1, 1), Turn(5, 2, 1)]);
        Assert.Equal(TurnGaps.Of(Rows()).Select(g => (g.First, g.Later, g.Gap)), gaps.Select(g => (g.First, g.Later, g.Gap)));
        Assert.Empty(TurnGaps.Of([Turn(1, 1, 1), Turn(2, 1, 0)]));
        Assert.Empty(TurnGaps.Of([SomeRows.Row(1)]));
    }

    [Fact]
    public void The_order_of_the_rows_does_not_matter() =>
        Assert.Equal(TurnReport.Csv(TurnGaps.Of(Rows())), TurnReport.Csv(TurnGaps.Of(Rows().Reverse())));

    [Fact]
    public void It_stands_in_the_tables_of_a_folder()
    {
        var table = TurnReport.Markdown(TurnGaps.Of(Rows()));
        Assert.Contains("by turn, 3 conversations", table);
        Assert.Contains("| turn 1 | turn 2 | turn 3 | turns 2+ | turns 2+ minus turn 1 |", table);
        Assert.Contains("| 33 | 0 | 16.67 [", table);
        Assert.Equal("", TurnReport.Markdown(TurnGaps.Of([SomeRows.Row(1)])));
        ReportFiles.Write(Inside(""), Rows());
        Assert.Contains("suite,protocol,method", File.ReadAllText(Inside("turns.csv")));
        Assert.Contains("by turn", File.ReadAllText(Inside("table.md")));
        Directory.CreateDirectory(Inside("flat"));
        ReportFiles.Write(Inside("flat"), [SomeRows.Row(1)]);
        Assert.False(File.Exists(Inside("flat/turns.csv")));
    }
}
