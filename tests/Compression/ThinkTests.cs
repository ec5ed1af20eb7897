using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Sealed keys lack the channels that add least to the products with the last queries.</summary>
public sealed class ThinkTests : IDisposable
{
    private const int Layers = 2, KvHeads = 2, QueryHeads = 4, Dim = 16, N = 300, Window = 8;

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static float[] Numbers(Tensor t) => MemoryMarshal.Cast<byte, float>(t.contiguous().bytes).ToArray();

    private static LayerView View(int layer, int n = N) =>
        new(layer, RandomTensors.Make(KvHeads, n, Dim, 10 + layer), RandomTensors.Make(KvHeads, n, Dim, 20 + layer), RandomTensors.Make(QueryHeads, Math.Min(n, 100), Dim, 30 + layer), 0.25f);

    private static RaggedCache Compress(string policy, Budget budget, int n = N)
    {
        using var compressor = new Compressor(CachePolicy.Parse(policy), budget, new CacheShape(Layers, KvHeads, Dim), QueryHeads);
        for (var layer = 0; layer < Layers; layer++) compressor.Accept(View(layer, n));
        return compressor.TakeCache();
    }

    private static float[] Attend(RaggedCache cache, int layer)
    {
        float[] queries = Numbers(RandomTensors.Make(QueryHeads, 1, Dim, 77)), output = new float[queries.Length];
        cache[layer].Attend(queries, output, 0.25f);
        return output;
    }

    /// <summary>By hand: queries (1, 0, 2), (1, 0, 0) and keys (1, 5, 0), (1, 5, 1) have mean squares (1, 0, 2) and (1, 25, 1/2): scores 1, 0, 1. The channel of the largest keys goes.</summary>
    [Fact]
    public void The_channel_that_adds_least_goes()
    {
        var squares = KeyChannels.Squares(tensor([1f, 0, 2, 1, 0, 0]).view(1, 2, 3), 1);
        Assert.Equal([1, 0, 2], squares);
        Assert.Equal([0, 2], KeyChannels.Keep(squares, [1, 25, 0.5], 1)!);
        Assert.Equal([2], KeyChannels.Keep(squares, [1, 25, 0.5], 2)!);   // of equals the earlier goes
        Assert.Equal([2, 3], KeyChannels.Keep(new double[4], new double[4], 2)!);
        Assert.Null(KeyChannels.Keep([1, double.NaN], [1, 1], 1));
        Assert.Equal((12, 51, 4, 0), (KeyChannels.Dropped(0.4, 32), KeyChannels.Dropped(0.4, 128), KeyChannels.Dropped(0.3, 16), KeyChannels.Dropped(0.9, 1)));
    }

    /// <summary>The last 32 queries of both query heads of a group; nothing of those before.</summary>
    [Fact]
    public void Queries_are_the_last_32_of_the_group()
    {
        var queries = ones(4, 40, 2);
        queries.narrow(1, 0, 8).fill_(1000);
        queries[1, 39, 0] = 9;
        var squares = KeyChannels.Squares(queries, 2);
        Assert.Equal((63 + 81) / 64.0, squares[0], 1e-12);
        Assert.Equal([1, 1, 1], squares[1..]);
    }

    /// <summary>
    /// Against a computation of its own: scores over kept keys by plain loops, zeros in the channels of all but the latest 8 entries, softmax in double. At 16 bits what is left of the
    /// difference is rounding; the bytes are 2 d' + 2 d a sealed entry, 4 d an open one, and 2 d' a head for its list.
    /// </summary>
    [Theory]
    [InlineData("SnapKV", "", Granularity.KvHead), InlineData("SnapKV", "", Granularity.QueryHead), InlineData("FullKV", "", Granularity.KvHead), InlineData("Ada-SnapKV", "", Granularity.KvHead), InlineData("KV-Compress", " recent=9", Granularity.KvHead)]
    public void As_computed_by_hand(string method, string settings, Granularity granularity)
    {
        var budget = new Budget(100, Window, Granularity: granularity);
        using RaggedCache plain = Compress($"{method} @bf16", budget), cache = Compress($"{method} @think ratio=0.3{(settings.Length > 0 ? settings : " recent=8")}", budget);
        var (heads, dropped, recent) = (cache.Shape.KvHeads, 4, settings.Length > 0 ? 9 : 8);
        long bytes = 0;
        for (var layer = 0; layer < Layers; layer++)
        {
            float[] asked = Numbers(View(layer).Queries), queries = Numbers(RandomTensors.Make(QueryHeads, 1, Dim, 77)), output = Attend(cache, layer);
            for (var head = 0; head < heads; head++)
            {
                var (count, sharing) = (cache[layer].Counts[head], QueryHeads / heads);
                Assert.Equal(plain[layer].Positions(head).ToArray(), cache[layer].Positions(head).ToArray());
                float[] keys = Numbers(plain[layer].KeysOf(head).to(ScalarType.Float32)), values = Numbers(plain[layer].ValuesOf(head).to(ScalarType.Float32)), read = new float[count * Dim];
                double Score(int c) => Enumerable.Range(0, count).Average(e => Math.Pow(keys[e * Dim + c], 2))
                    * (from g in Enumerable.Range(head * sharing, sharing) from q in Enumerable.Range(68, 32) select Math.Pow(asked[(g * 100 + q) * Dim + c], 2)).Average();
                var gone = Enumerable.Range(0, Dim).OrderBy(Score).Take(dropped).ToHashSet();
                var rows = Math.Max(0, count - recent);
                if (rows % 64 < 8) rows -= rows % 64;
                Assert.Equal(rows, cache[layer].Sealed(head));
                for (var i = 0; i < rows * Dim; i++)
                    if (gone.Contains(i % Dim)) keys[i] = 0;
                cache[layer].ReadKeys(head, 0, read);
                Assert.Equal(keys, read);
                bytes += rows * (2L * (Dim - dropped) + 2 * Dim) + (count - rows) * 4L * Dim + 2 * (Dim - dropped);
                for (var q = head * sharing; q < (head + 1) * sharing; q++)
                {
                    var weights = Enumerable.Range(0, count).Select(e => Math.Exp(0.25 * Enumerable.Range(0, Dim).Sum(c => (double)queries[q * Dim + c] * keys[e * Dim + c]))).ToArray();
                    for (var c = 0; c < Dim; c++) Assert.Equal(Enumerable.Range(0, count).Sum(e => weights[e] * values[e * Dim + c]) / weights.Sum(), output[q * Dim + c], 2e-5);
                }
            }
        }
        Assert.Equal(bytes, cache.StoredBytes);
        Assert.Equal(bytes, cache.TouchedBytes);
        Assert.Equal(bytes, Enumerable.Range(0, Layers).Sum(layer => cache[layer].Counts.ToArray().Sum(count => cache.Format!.BytesFor(layer, count, Dim))));
        Assert.Equal(bytes + Layers * heads * RaggedAttention.BlockSlack, cache.ReservedBytes);   // the arrays themselves
    }

    /// <summary>Nothing dropped is nothing done: the bits of bfloat16 at 16 bits, and those of int4 at 4.</summary>
    [Theory]
    [InlineData("think ratio=0", "bf16"), InlineData("think ratio=0.06", "bf16"), InlineData("think ratio=0 bits=4", "int4")]
    public void No_channel_gone_is_neutral(string format, string other)
    {
        using RaggedCache one = Compress($"SnapKV @{format}", new Budget(100)), two = Compress($"SnapKV @{other}", new Budget(100));
        for (var layer = 0; layer < Layers; layer++) Assert.Equal(Attend(one, layer), Attend(two, layer));
        Assert.Equal(two.StoredBytes, one.StoredBytes);
    }

    /// <summary>Channels go, then the rest is quantised: bytes of 12 of 16 channels at 4 bits, and keys near those of 16 bits.</summary>
    [Fact]
    public void Channels_go_before_the_rest_is_quantised()
    {
        using RaggedCache wide = Compress("FullKV @think ratio=0.25 recent=44", new Budget(100)), four = Compress("FullKV @think ratio=0.25 recent=44 bits=4", new Budget(100));
        Assert.Equal(256, four[0].Sealed(0));
        Assert.Equal(Layers * KvHeads * (4 * (12 * 4 + 12 * 32 + 64 * 4 + 64 * 8) + 44 * 4 * Dim + 2 * 12L), four.StoredBytes);
        float[] a = new float[256 * Dim], b = new float[256 * Dim];
        wide[1].ReadKeys(1, 0, a);
        four[1].ReadKeys(1, 0, b);
        for (var i = 0; i < a.Length; i++) Assert.Equal(a[i], b[i], 0.3f);
        Assert.Equal(a.Select(x => x == 0), b.Select(x => x == 0));
    }

    /// <summary>What is appended is sealed without the same channels, and a copy goes its own way.</summary>
    [Fact]
    public void Generated_entries_lack_the_same_channels()
    {
        using var cache = Compress("SnapKV @think ratio=0.5 recent=4", new Budget(100));
        using var copy = cache.Clone();
        var before = Attend(copy, 0);
        float[] keys = Numbers(RandomTensors.Make(KvHeads, 130, Dim, 5)), read = new float[232 * Dim], first = new float[96 * Dim];
        cache[0].ReadKeys(1, 0, first);
        for (var t = 0; t < 130; t++)
        {
            for (var layer = 0; layer < Layers; layer++) cache[layer].Append(keys.AsSpan(t * Dim, 2 * Dim), keys.AsSpan(t * Dim, 2 * Dim));
            cache.Advance(1);
        }
        Assert.Equal(96 + 128, cache[0].Sealed(1));   // 64 + 32 of the prompt, then two blocks
        cache[0].ReadKeys(1, 0, read.AsSpan(0, 230 * Dim));
        Assert.Equal(first[..(96 * Dim)], read[..(96 * Dim)]);
        Assert.All(Enumerable.Range(0, 224 * Dim), i => Assert.Equal(read[i % Dim] == 0, read[i] == 0));
        Assert.Equal(before, Attend(copy, 0));
    }

    /// <summary>Equal bytes count lists: never more than the budget's entries as bfloat16, and within a block of it.</summary>
    [Fact]
    public void Equal_bytes_count_the_lists()
    {
        foreach (var format in (string[])["think recent=8", "think recent=8 bits=8 ratio=0.7"])
        {
            using var cache = Compress($"SnapKV @{format}", new Budget(100, Window, BudgetRule.EqualBytes));
            Assert.InRange(cache.StoredBytes, 100 * Layers * KvHeads * 4 * Dim - 600 * Layers, 100 * Layers * KvHeads * 4 * Dim);
            Assert.True(cache.Entries > 100 * Layers * KvHeads);
        }
    }

    /// <summary>A prompt of fewer tokens than 32, and one that fits into the budget.</summary>
    [Theory]
    [InlineData(9), InlineData(20), InlineData(60)]
    public void A_short_prompt(int tokens)
    {
        using var cache = Compress("SnapKV @think recent=1", new Budget(100), tokens);
        Assert.Equal(tokens - 1, cache[0].Sealed(0));
        Assert.All(Attend(cache, 1), number => Assert.True(float.IsFinite(number)));
    }

    [Fact]
    public void A_query_that_overflows_fails_by_name()
    {
        using var compressor = new Compressor(CachePolicy.Parse("FullKV @think"), new Budget(100), new CacheShape(Layers, KvHeads, Dim), QueryHeads);
        var view = View(0);
        view.Queries[3, 99, 1] = float.PositiveInfinity;
        Assert.Contains("layer 0, head 1: a query or a key is infinite", Assert.Throws<ModelOverflow>(() => compressor.Accept(view)).Message);
    }
}
