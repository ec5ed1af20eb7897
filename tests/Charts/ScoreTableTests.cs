using HeadKvLab.Charts;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Charts;

/// <summary>How many questions and contexts a score stands on is told beside it.</summary>
public sealed class ScoreTableTests
{
    private static EvalRow Row(string method, int context, int question) => new()
    {
        Suite = "s", Dataset = "f", Context = $"c{context}", Question = $"c{context}-{question}", Protocol = "standard", Variant = new() { Method = method, Share = 0.04 }, Seed = 0, Model = "m", Data = "d",
        FirstToken = "recompute-last", PromptTokens = 100, Heads = 4, Entries = 32, Bytes = 1024, Prediction = "a", Answers = ["a"], Metric = "exact_match", Score = question == 0 ? 1 : 0,
        NewTokens = 1, PrefillSeconds = 0, DecodeSeconds = 0,
    };

    private static ResultTable Table(int contexts) => ScoreTable.Of([.. from method in new[] { "SnapKV", "H2O" } from context in Enumerable.Range(0, contexts) from question in Enumerable.Range(0, 3) select Row(method, context, question)]);

    [Fact]
    public void Questions_and_contexts_are_counted_apart()
    {
        var frame = Table(12).Frame;
        Assert.Equal((36, 12), ((int)frame["questions"][0]!, (int)frame["contexts"][0]!));
        Assert.Contains("contexts", Table(12).ToString());
    }

    [Fact]
    public void Few_contexts_bring_a_warning_and_the_mark_of_the_best_its_meaning()
    {
        Assert.Contains("come out too narrow", Table(9).ToHtml());
        Assert.DoesNotContain("come out too narrow", Table(10).ToHtml());
        Assert.Contains("* the highest exact match for each budget, FullKV aside; equal values are all marked", Table(10).ToString());
        Assert.Equal(2, Table(10).ToString().Split("0.33*").Length - 1); // both methods score alike
    }
}
