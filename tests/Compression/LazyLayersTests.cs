using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>SimLayerKV by hand: three layers of ten tokens whose last query gives first and last tokens 0.95, 0.8 and 0.5 of its attention.</summary>
public sealed class LazyLayersTests : IDisposable
{
    private const int N = 10, Window = 1, Layers = 3;
    private static readonly double[] Masses = [.95, .8, .5];
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>One sink and two recent tokens share the mass, seven others the rest; of two heads one has more, the other less.</summary>
    private static LayerView Layer(int layer, int n = N)
    {
        var keys = zeros(2, n, 2);
        for (var head = 0; head < 2; head++)
            for (var j = 0; j < n; j++)
            {
                var mass = Masses[layer] + (head == 0 ? .04 : -.04);
                keys[head, j, 0] = (float)Math.Log(j == 0 || j >= n - 2 ? mass / 3 : (1 - mass) / (n - 3));
            }
        return new(layer, keys, keys, tensor(new[] { 1f, 0, 1, 0 }, 2, 1, 2), 1);
    }

    private static string[] Kept(double threshold, Budget budget, int recent = 2)
    {
        using var compressor = new Compressor(new Method("m", new SinksAndRecent(1), new LazyLayers(1, recent, threshold)), budget, new CacheShape(Layers, 2, 2), 2);
        Assert.Equal(1, compressor.Needs.Queries);
        for (var layer = 0; layer < Layers; layer++) compressor.Accept(Layer(layer));
        using var cache = compressor.TakeCache();
        return [.. Enumerable.Range(0, Layers).Select(layer => string.Join(" | ", Enumerable.Range(0, 2).Select(head => string.Concat(cache[layer].Positions(head).ToArray())).Distinct()))];
    }

    [Theory]
    [InlineData(1, "0123456789", "0123456789", "0123456789")]                    // kvpress' default never fires
    [InlineData(0.9, "089", "0123456789", "0123456789")]
    [InlineData(0.7, "089", "089", "0123456789")]
    [InlineData(0, "089", "089", "089")]
    public void A_lazy_layer_keeps_first_and_last_tokens(double threshold, params string[] kept)
    {
        foreach (var entries in new[] { 1, 5, 100 }) Assert.Equal(kept, Kept(threshold, new Budget(entries, Window, BudgetRule.AsPublished)));
    }

    [Theory]
    [InlineData(1, "9", "9", "9")]
    [InlineData(2, "09", "09", "09")]                                             // first tokens before recent ones
    [InlineData(3, "089", "089", "089")]
    [InlineData(5, "089", "089", "03456789 | 0123456789")]                        // 12 entries beyond: 7 of the lower head's, 5 of the other's
    [InlineData(8, "06789 | 089", "0123456789", "0123456789")]                     // 30 beyond: two layers, and 2 of the last head
    public void Under_an_equal_total_the_budget_finds_the_threshold(int entries, params string[] kept)
    {
        var found = Kept(0.5, new Budget(entries, Window));
        Assert.Equal(kept[..2], found[..2]);
        Assert.Equal(kept[2].Split(" | ").Order(), found[2].Split(" | ").Order());
    }

    [Fact]
    public void Short_prompts_are_kept_and_bad_thresholds_refused()
    {
        Assert.All(Kept(0, new Budget(5, Window, BudgetRule.AsPublished), recent: 8), kept => Assert.Equal("0123456789", kept));      // 10 tokens: no more than 1 + 8 + 1
        Assert.All(Kept(0, new Budget(5, Window, BudgetRule.AsPublished), recent: 7), kept => Assert.Equal("03456789", kept));
        Assert.Contains("0.9 is the paper's", Assert.Throws<LabException>(() => new LazyLayers(4, 8, 1.1)).Message);
    }
}
