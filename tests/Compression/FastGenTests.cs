using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>FastGen by hand, on the example of <see cref="LadderTests"/>: masses .60, .74, .74, .96; the last token is the window.</summary>
public sealed class FastGenTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static string Kept(double threshold, Budget budget)
    {
        var ladder = new Ladder(0.4, 0.2);
        var layer = LadderTests.Layer(ladder, [TokenKind.Special, TokenKind.Ordinary, TokenKind.Punctuation, TokenKind.Ordinary, TokenKind.Ordinary], LadderTests.Rows) with { Layer = 0 };
        var scores = new HeadRows<float>(new float[5], 1, 5);
        ladder.Score(layer, 1, scores);
        return string.Join(' ', new PromptAllocation(new Method("FastGen", ladder, new LadderSteps(ladder, threshold)), budget, 1, 1, 1, 5).Select(layer, scores)[0]);
    }

    [Theory]
    [InlineData(0, "0 4"), InlineData(.6, "0 4"), InlineData(.7, "0 2 4"), InlineData(.74, "0 2 4"), InlineData(.75, "0 2 3 4"), InlineData(.96, "0 2 3 4"), InlineData(.97, "0 1 2 3 4"), InlineData(1, "0 1 2 3 4")]
    public void As_published_a_head_goes_down_to_the_rung_that_holds_enough_whatever_the_budget(double threshold, string kept)
    {
        Assert.Equal(kept, Kept(threshold, new Budget(1, 1, BudgetRule.AsPublished)));
        Assert.Equal(kept, Kept(threshold, new Budget(100, 1, BudgetRule.AsPublished)));   // also where the prompt would fit
    }

    [Theory]
    [InlineData(1, "4"), InlineData(2, "0 4"), InlineData(3, "0 2 4"), InlineData(4, "0 2 3 4"), InlineData(5, "0 1 2 3 4"), InlineData(9, "0 1 2 3 4")]
    public void Under_an_equal_total_the_budget_finds_the_rung(int kvSize, string kept) => Assert.Equal(kept, Kept(.1, new Budget(kvSize, 1)));

    [Fact]
    public void A_threshold_out_of_range_is_refused() =>
        Assert.Contains("threshold 1.5", Assert.Throws<LabException>(() => new LadderSteps(new Ladder(), 1.5)).Message);

    /// <summary>The paper's figure that needs no judge: a lower threshold keeps less, and every head's entries are a part of what it keeps at a higher one.</summary>
    [Fact]
    public void A_lower_threshold_keeps_less_of_the_same()
    {
        var model = Repository.Model;
        var prompt = model.Tokenizer.Encode(File.ReadAllText(Repository.Path("README.md"))[..3000])[..400];
        var kept = ((double[])[0.5, 0.8, 0.9, 0.95, 0.98]).Select(threshold =>
        {
            using var compressor = new Compressor(Catalogue.Find("FastGen").Create(new(("threshold", threshold))), new Budget(64, 8, BudgetRule.AsPublished),
                new CacheShape(model.Config.Layers, model.Config.KvHeads, model.Config.HeadDim), model.Config.QueryHeads);
            model.Engine.Prefill(prompt, null, compressor);
            using var cache = compressor.TakeCache();
            return Enumerable.Range(0, model.Config.Layers).Select(l => Enumerable.Range(0, model.Config.KvHeads).Select(h => cache[l].Positions(h).ToArray()).ToArray()).ToArray();
        }).ToArray();
        for (var t = 1; t < kept.Length; t++)
        {
            Assert.True(Total(kept[t - 1]) < Total(kept[t]));
            for (var l = 0; l < kept[t].Length; l++)
                for (var h = 0; h < kept[t][l].Length; h++) Assert.Empty(kept[t - 1][l][h].Except(kept[t][l][h]));
        }

        static int Total(int[][][] positions) => positions.Sum(layer => layer.Sum(head => head.Length));
    }
}
