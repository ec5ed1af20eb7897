using HeadKvLab.Charts;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Charts;

/// <summary>The table and the points of conversations by turn.</summary>
public sealed class TurnTableTests
{
    private static EvalRow Row(Variant variant, int context, int turn, double score) => new()
    {
        Suite = "s", Dataset = "f", Context = $"c{context}", Question = $"c{context}-t{turn}", Session = $"c{context}", Turn = turn, Protocol = "turns-golden", Variant = variant, Seed = 0, Model = "m", Data = "d",
        FirstToken = "recompute-last", PromptTokens = 100, Heads = 4, Entries = 32, Bytes = 1024, Prediction = "a", Answers = ["a"], Metric = "exact_match", Score = score, NewTokens = 1,
    };

    /// <summary>SnapKV answers turn 1 always and a later turn of two once; the full cache everything: gap and what goes beyond are -0.5.</summary>
    private static List<EvalRow> Rows() => [.. Enumerable.Range(0, 4).SelectMany(c => new[]
    {
        Row(Variant.Full, c, 1, 1), Row(Variant.Full, c, 2, 1), Row(Variant.Full, c, 3, 1), Row(Snap, c, 1, 1), Row(Snap, c, 2, 1), Row(Snap, c, 3, 0),
    })];

    private static readonly Variant Snap = new() { Method = "SnapKV", Share = 0.1 };

    [Fact]
    public void By_hand()
    {
        var frame = TurnTable.Of(Rows()).Frame;
        Assert.Equal(("SnapKV", 1.0, 0.5, -0.5, -0.5, 4), ((string)frame["method"][1], (double)frame["first"][1], (double)frame["later"][1], (double)frame["gap"][1], (double)frame["beyond"][1], (int)frame["contexts"][1]));
        Assert.Null(frame["beyond"][0]);
        Assert.Contains("turns 2+ minus turn 1", TurnTable.Of(Rows()).ToString());
        Assert.Equal(["FullKV", "SnapKV"], TurnTable.Points(Rows()).Select(m => m.Method));
        Assert.Equal([[1, 1], [1, 0.5]], TurnTable.Points(Rows()).Select(m => m.Scores));
    }

    [Fact]
    public void Questions_that_stand_alone_are_refused() =>
        Assert.Throws<ArgumentException>(() => TurnTable.Of([.. Rows().Where(r => r.Turn == 1)]));
}
