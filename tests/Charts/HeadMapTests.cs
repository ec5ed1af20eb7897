using HeadKvLab.Charts;

namespace HeadKvLab.Tests.Charts;

public sealed class HeadMapTests
{
    // Two layers of two heads: head 1 of layer 0 matters most, head 0 of layer 1 is not known.
    private static readonly double[,] Scores = { { 0.25, 1.0 }, { double.NaN, 0.0 } };

    [Fact]
    public void Layers_run_to_the_right_and_heads_downwards()
    {
        var json = HeadMap.Draw(Scores).ToPlotlyJson();
        Assert.Contains("\"z\":[[0.25,null],[1.0,0.0]]", json);
        Assert.Contains("\"hovertext\":[[\"layer 0, KV head 0<br>importance score: 0.25", json);
    }

    [Fact]
    public void Cells_are_coloured_by_their_score_and_unknown_ones_are_grey()
    {
        var cells = Svgs.All(Svgs.Parse(HeadMap.Draw(Scores)), "rect").Skip(1).Take(4).Select(cell => (string)cell.Attribute("fill")!).ToArray();
        Assert.Equal([new HeadKvLab.Charts.Sketches.ColourScale("", 0, 1).Of(0.25), Theme.Missing, Theme.Sequential[^1], Theme.Sequential[0]], cells);
    }

    [Theory]
    [InlineData(2, 2, "KV head")]
    [InlineData(8, 4, "KV head")]
    [InlineData(32, 8, "KV head")]
    [InlineData(80, 64, "Query head")]
    public void No_label_covers_another(int layers, int heads, string kind) =>
        Assert.Empty(Svgs.Collisions(HeadMap.Draw(new double[layers, heads], kind)));

    [Fact]
    public void A_model_without_heads_is_refused() =>
        Assert.Throws<ArgumentException>(() => HeadMap.Draw(new double[0, 4]));
}
