using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

public sealed class ValueWeightedTests : IDisposable
{
    private const int N = 60, KvHeads = 2, QueryHeads = 4, Dim = 8, Window = 8;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(KvHeads, GroupReduction.Mean), InlineData(QueryHeads, GroupReduction.Mean), InlineData(KvHeads, GroupReduction.Max)]
    public void A_score_is_SnapKVs_times_the_length_of_the_value(int heads, GroupReduction reduction)
    {
        var layer = new LayerView(0, RandomTensors.Make(KvHeads, N, Dim, 1), RandomTensors.Make(KvHeads, N, Dim, 2), RandomTensors.Make(QueryHeads, N, Dim, 3), 0.35f);
        var attention = new SnapKv(new Pooling(5), reduction);
        var (plain, weighted) = (new float[heads * N], new float[heads * N]);
        attention.Score(layer, Window, new HeadRows<float>(plain, heads, N));
        new ValueWeighted(attention).Score(layer, Window, new HeadRows<float>(weighted, heads, N));
        var values = layer.Values.data<float>().ToArray();
        for (var i = 0; i < heads * N; i++)
        {
            var first = (i / N / (heads / KvHeads) * N + i % N) * Dim;
            Assert.Equal(plain[i] * Math.Sqrt(values[first..(first + Dim)].Sum(v => (double)v * v)), weighted[i], 1e-6);
        }
    }

    /// <summary>All keys are equal: the window attends to all tokens alike, and SnapKV keeps the latest.</summary>
    [Theory]
    [InlineData(Granularity.KvHead, 7, 9), InlineData(Granularity.QueryHead, 7, 7, 9, 9)]
    public void Of_tokens_attended_to_alike_that_with_the_longest_value_is_kept(Granularity owners, params int[] kept)
    {
        var values = ones(KvHeads, N, Dim);
        values[0, 7].mul_(3);
        values[1, 9].mul_(-3);
        var layer = new LayerView(0, ones(KvHeads, N, Dim), values, RandomTensors.Make(QueryHeads, N, Dim, 3), 0.35f);
        using var compressor = new Compressor(Catalogue.Find("ValueWeighted").Create(new(("kernel", 1))), new Budget(Window + 1, Window, BudgetRule.AsPublished, owners), new CacheShape(1, KvHeads, Dim), QueryHeads);
        compressor.Accept(layer);
        using var cache = compressor.TakeCache();
        Assert.Equal(kept, kept.Select((_, head) => cache[0].Positions(head)[0]));
    }
}
