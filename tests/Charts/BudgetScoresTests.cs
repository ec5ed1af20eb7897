using System.Text.Json;
using HeadKvLab.Charts;

namespace HeadKvLab.Tests.Charts;

public sealed class BudgetScoresTests
{
    private static readonly BudgetScore[] Scores =
    [
        new("FullKV", 1, 0.95),
        new("SnapKV", 0.03, 0.40, 0.30, 0.50), new("SnapKV", 0.12, 0.60, 0.50, 0.70),
        new("HeadKV-R2", 0.12, 0.90, 0.80, 0.96), new("HeadKV-R2", 0.03, 0.70, 0.60, 0.80),
    ];

    [Fact]
    public void Each_method_is_a_line_in_order_of_budget_with_its_interval()
    {
        using var chart = JsonDocument.Parse(BudgetScores.Draw(Scores).ToPlotlyJson());
        var lines = chart.RootElement.GetProperty("data").EnumerateArray().ToArray();
        Assert.Equal(["SnapKV", "HeadKV-R2"], lines.Select(line => line.GetProperty("name").GetString()));
        Assert.Equal([0.7, 0.9], lines[1].GetProperty("y").EnumerateArray().Select(y => y.GetDouble()));
        Assert.Equal([0.1, 0.06], lines[1].GetProperty("error_y").GetProperty("array").EnumerateArray().Select(y => y.GetDouble()));
        Assert.Equal("HeadKV-R2 at 3 %<br>Exact match: 0.70 [0.60, 0.80]", lines[1].GetProperty("hovertext")[0].GetString());
    }

    [Fact]
    public void Points_stand_where_their_score_is()
    {
        var root = Svgs.Parse(BudgetScores.Draw(Scores));
        // HeadKV-R2 is drawn with discs; the first disc is the legend's. The axis ends at 1.04, its lines lie at 0 and 1.00.
        var discs = Svgs.All(root, "circle").Skip(1).Select(disc => Svgs.Number(disc, "cy")).ToArray();
        var lines = Svgs.All(root, "text").Where(text => text.Value is "0.00" or "1.00").ToDictionary(text => text.Value, text => Svgs.Number(text, "y") - 11 * 0.36);
        foreach (var (score, y) in new[] { 0.7, 0.9 }.Zip(discs))
            Assert.Equal(lines["0.00"] + score * (lines["1.00"] - lines["0.00"]), y, 0.02);
    }

    [Fact]
    public void The_full_cache_is_a_line_across() => Assert.Contains("FullKV: 0.95", BudgetScores.Draw(Scores).Svg);

    [Fact]
    public void No_label_covers_another() => Assert.Empty(Svgs.Collisions(BudgetScores.Draw(Scores)));

    [Fact]
    public void Unusable_budgets_are_refused()
    {
        Assert.Contains("3", Assert.Throws<ArgumentException>(() => BudgetScores.Draw([new("SnapKV", 3, 0.5)])).Message);
        Assert.Throws<ArgumentException>(() => BudgetScores.Draw([new("FullKV", 1, 0.5)]));
    }
}
