using HeadKvLab.Charts;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Tests.Evaluation;

public sealed class SettingChoiceTests
{
    private static EvalRow Row(string context, int question, string method, bool right, double share = 0.04) => new()
    {
        Suite = "s", Dataset = "f", Context = context, Question = $"{context}-{question}", Protocol = "standard", Variant = new() { Method = method, Share = share }, Seed = 0, Model = "m", Data = "d",
        FirstToken = "recompute-last", PromptTokens = 100, Heads = 4, Entries = 32, Bytes = 1024, Prediction = right ? "a" : "b", Answers = ["a"], Metric = "exact_match", Score = right ? 1 : 0,
        NewTokens = 1, PrefillSeconds = 0, DecodeSeconds = 0,
    };

    [Fact]
    public void The_highest_mean_wins_and_of_equal_ones_the_first()
    {
        EvalRow[] rows = [Row("a", 0, "1.1", false), Row("b", 0, "1.1", true), Row("a", 0, "2", true), Row("b", 0, "2", true), Row("a", 0, "5", true), Row("b", 0, "5", true)];
        Assert.Equal("2", SettingChoice.Best(rows, r => r.Variant.Method));
        Assert.Equal("5", SettingChoice.Best(rows.Reverse(), r => r.Variant.Method));
        Assert.StartsWith("there are no results to choose by", Assert.Throws<ArgumentException>(() => SettingChoice.Best(Array.Empty<EvalRow>(), r => r.Variant.Method)).Message);
    }

    [Fact]
    public void Two_contexts_and_two_settings_by_hand()
    {
        // Setting x is right on context a only, y on b only. Whichever half chooses, the other half is all wrong.
        EvalRow[] rows = [Row("a", 0, "x", true), Row("b", 0, "x", false), Row("a", 0, "y", false), Row("b", 0, "y", true)];
        var optimism = SettingChoice.Optimism(rows, r => r.Variant.Method);
        Assert.Equal((1, 0, 1), (optimism.Seen, optimism.Unseen, optimism.Optimism));
    }

    /// <summary>One setting, right on the first context only: each half chooses about as often.</summary>
    [Fact]
    public void Halves_are_drawn_at_random()
    {
        EvalRow[] rows = [Row("a", 0, "x", true), Row("b", 0, "x", false)];
        var optimism = SettingChoice.Optimism(rows, r => r.Variant.Method);
        Assert.InRange(optimism.Seen, 0.45, 0.55);
        Assert.Equal((1, 2000), (optimism.Seen + optimism.Unseen, optimism.Halvings));
    }

    [Fact]
    public void Noise_flatters_and_a_clear_winner_does_not()
    {
        var random = new Random(5);
        var noise = (from m in Enumerable.Range(0, 8) from c in Enumerable.Range(0, 20) from q in Enumerable.Range(0, 3) select Row($"c{c}", q, $"{m}", random.Next(2) == 0)).ToArray();
        var flattered = SettingChoice.Optimism(noise, r => r.Variant.Method);
        Assert.InRange(flattered.Optimism, 0.05, 0.35);
        Assert.Equal(flattered, SettingChoice.Optimism(noise, r => r.Variant.Method));
        var clear = noise.Select(r => r.Variant.Method == "3" ? Row(r.Context, int.Parse(r.Question.Split('-')[1]), "3", true) : r);
        Assert.Equal(0, SettingChoice.Optimism(clear, r => r.Variant.Method).Optimism, 6);
    }

    [Fact]
    public void Settings_that_answered_different_questions_are_refused()
    {
        EvalRow[] rows = [Row("a", 0, "x", true), Row("a", 1, "x", true), Row("a", 0, "y", true), Row("b", 0, "y", true)];
        Assert.Contains("the same questions", Assert.Throws<ArgumentException>(() => SettingChoice.Best(rows, r => r.Variant.Method)).Message);
        Assert.StartsWith("one context cannot be halved", Assert.Throws<ArgumentException>(() => SettingChoice.Optimism([Row("a", 0, "x", true)], r => r.Variant.Method)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => SettingChoice.Optimism(rows, r => r.Variant.Method, halvings: 0));
    }

    [Fact]
    public void The_chart_has_a_line_for_each_budget_and_spells_every_digit()
    {
        var rows = (from m in new[] { 1.005, 1.01, 10 } from s in new[] { 0.04, 0.08 } from c in "ab" select Row($"{c}", 0, Format.Exact(m), c == 'a', s)).ToArray();
        var figure = SettingScores.Draw(rows, r => double.Parse(r.Variant.Method, System.Globalization.CultureInfo.InvariantCulture), "beta", "t");
        foreach (var words in (string[])["1.005", "1.01", "10", "4 % of the entries", "8 % of the entries", "beta"]) Assert.Contains(words, figure.Svg);
    }
}
