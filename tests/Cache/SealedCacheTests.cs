using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>A cache whose entries are sealed in blocks behaves as one that holds what the blocks stand for.</summary>
public sealed class SealedCacheTests : IDisposable
{
    private const int Dim = 32, Group = 2;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Rows(int heads, int tokens, int seed)
    {
        using var generator = new Generator((ulong)seed);
        return randn([heads, tokens, Dim], generator: generator);
    }

    private static float[] Numbers(Tensor t) => MemoryMarshal.Cast<byte, float>(t.contiguous().bytes).ToArray();

    /// <summary>One layer whose heads keep the first so many of <paramref name="prompt"/> positions and the last.</summary>
    private static RaggedCache Cache(int prompt, params int[] counts)
    {
        var cache = new RaggedCache(new CacheShape(1, counts.Length, Dim, ScalarType.BFloat16));
        cache[0].Store(Rows(counts.Length, prompt, 1), Rows(counts.Length, prompt, 2), [.. counts.Select(count => count == 0 ? [] : (int[])[.. Enumerable.Range(0, count - 1), prompt - 1])]);
        cache.Advance(prompt);
        return cache;
    }

    private static void Append(RaggedCache cache, int tokens, int seed)
    {
        var heads = cache.Shape.KvHeads;
        var (keys, values) = (Numbers(Rows(tokens, heads, seed)), Numbers(Rows(tokens, heads, seed + 1)));
        for (var t = 0; t < tokens; t++)
        {
            cache[0].Append(keys.AsSpan(t * heads * Dim, heads * Dim), values.AsSpan(t * heads * Dim, heads * Dim));
            cache.Advance(1);
        }
    }

    private static float[] Attend(RaggedCache cache, int? window = null, float[]? weights = null)
    {
        var queries = Numbers(Rows(1, cache.Shape.KvHeads * Group, 9));
        var output = new float[queries.Length];
        cache[0].Attend(queries, output, 0.3f, window, weights);
        return output;
    }

    /// <summary>Every key, and with <see cref="Attend"/> as the probe every value: where all is sealed with enough bits, outputs are near those of the rows.</summary>
    [Fact]
    public void Eight_bits_attend_nearly_as_rows_and_fewer_less_nearly()
    {
        using var rows = Cache(300, 300, 40, 7, 200);
        double Error(int bits)
        {
            using var cache = rows.Clone();
            cache.Seal(new(bits, 4));
            return Attend(cache).Zip(Attend(rows), (a, b) => Math.Abs(a - b)).Average();
        }
        var (eight, four, two) = (Error(8), Error(4), Error(2));
        Assert.InRange(eight, 1e-6, 5e-3);
        Assert.InRange(four, 4 * eight, 0.1);
        Assert.InRange(two, 2 * four, 1);
    }

    /// <summary>By hand: 300 entries and 32 recent ones leave 268 = 4 x 64 + 12; 40 leave 8; 39 leave 7, which no block is worth; a head of 3 stays as it is.</summary>
    [Fact]
    public void The_end_of_a_prompt_seals_all_but_the_latest()
    {
        using var cache = Cache(300, 300, 40, 39, 3);
        cache.Seal(new(4));
        Assert.Equal([268, 8, 0, 0], Enumerable.Range(0, 4).Select(cache[0].Sealed));
        Assert.Equal([300, 40, 39, 3], cache[0].Counts.ToArray());
        Assert.Equal((int[])[.. Enumerable.Range(0, 299), 299], cache[0].Positions(0).ToArray());
        // 4 full blocks of 64 x 38 bytes; of 12 entries 128 + 32 x 6 + 12 x (4 + 16), of 8 the same with 8; rows of 128
        long bytes = 4 * 64 * 38 + (128 + 192 + 240) + (128 + 128 + 160) + (32 + 32 + 39 + 3) * 128L;
        Assert.Equal(bytes, cache.StoredBytes);
        Assert.Equal(bytes, new[] { 300, 40, 39, 3 }.Sum(entries => new EntryFormat(4).BytesFor(0, entries, Dim)));
        Assert.Equal(bytes + 4 * RaggedAttention.BlockSlack, cache.ReservedBytes);   // the arrays themselves
        Assert.Equal(bytes, Touched(cache));
    }

    private static long Touched(RaggedCache cache)
    {
        using var copy = cache.Clone();
        Attend(copy);
        return copy.TouchedBytes;
    }

    /// <summary>A block is sealed when 64 entries wait behind the latest ones, whatever came before; attention changes by no more than the rounding of those 64.</summary>
    [Fact]
    public void Generated_entries_are_sealed_in_full_blocks()
    {
        using var cache = Cache(100, 100, 20);
        cache.Seal(new(8, 4));   // 64 + 32 sealed, 4 open; 16 sealed, 4 open
        Assert.Equal((96, 16), (cache[0].Sealed(0), cache[0].Sealed(1)));
        Append(cache, 63, 3);
        Assert.Equal((96, 16), (cache[0].Sealed(0), cache[0].Sealed(1)));
        using var before = cache.Clone();
        Append(cache, 1, 5);
        Assert.Equal((96 + 64, 16 + 64), (cache[0].Sealed(0), cache[0].Sealed(1)));
        Assert.Equal((164, 84), (cache[0].Counts[0], cache[0].Counts[1]));
        Assert.Equal(96 * 70L - 32 * 70 + new BlockFormat(8).Bytes(32, Dim) + 64 * 70 + 4 * 128 + new BlockFormat(8).Bytes(16, Dim) + 64 * 70 + 4 * 128, cache.StoredBytes);
        Append(before, 200, 5);
        Append(cache, 199, 7);
        Assert.Equal(cache[0].Counts.ToArray(), before[0].Counts.ToArray());
        Assert.Equal(Enumerable.Range(100, 263), cache[0].Positions(0)[100..].ToArray());
        Assert.All(Attend(cache), number => Assert.True(float.IsFinite(number)));
    }

    /// <summary>Room to grow is a quarter of the rows, not of all entries: a block is sealed before they become many.</summary>
    [Fact]
    public void Growing_keeps_little_room()
    {
        using var cache = Cache(4000, 4000, 4000);
        cache.Seal(new(4));
        Append(cache, 1, 3);
        Assert.InRange(cache.ReservedBytes - cache.StoredBytes, 1, 2 * 200 * 128);
        Append(cache, 200, 5);
        Assert.InRange(cache.ReservedBytes - cache.StoredBytes, 1, 2 * (200 * 128 + 4000 * 38 / 4 + 64 * 38));   // blocks grow by a quarter, too
    }

    /// <summary>One by one or together: what is stored depends on the entries alone.</summary>
    [Fact]
    public void Appending_together_seals_the_same_blocks()
    {
        using var one = Cache(50, 50, 10);
        one.Seal(new(4, 2));
        using var together = one.Clone();
        Tensor keys = Rows(2, 300, 3), values = Rows(2, 300, 4);
        for (var t = 0; t < 300; t++)
        {
            one[0].Append(Numbers(keys.narrow(1, t, 1)), Numbers(values.narrow(1, t, 1)));
            one.Advance(1);
        }
        together[0].Append(keys, values);
        together.Advance(300);
        Assert.Equal(one.StoredBytes, together.StoredBytes);
        Assert.Equal(Attend(one), Attend(together));
    }

    [Fact]
    public void A_clone_shares_no_block_and_no_tail()
    {
        using var cache = Cache(200, 200, 90);
        cache.Seal(new(2, 8));
        var alone = Attend(cache);
        using var clone = cache.Clone();
        Append(clone, 150, 3);
        Assert.Equal(alone, Attend(cache));
        Append(cache, 70, 11);
        using var fresh = Cache(200, 200, 90);
        fresh.Seal(new(2, 8));
        Append(fresh, 150, 3);
        Assert.Equal(Attend(fresh), Attend(clone));
        Assert.Equal(new EntryFormat(2, 8), clone.Format);
    }

    /// <summary>Of 100 entries with 10 recent 90 are sealed: the last ten tokens can be taken back, no more, and a refusal changes nothing.</summary>
    [Fact]
    public void Tokens_are_taken_back_up_to_the_seal()
    {
        using var cache = Cache(100, 100, 100);
        cache.Seal(new(4, 10));
        var before = Attend(cache);
        Assert.Contains("11 tokens are taken back, and some of them are sealed as int4 recent=10", Assert.Throws<LabException>(() => cache.Truncate(89)).Message);
        Assert.Equal(100, cache.LogicalLength);
        Assert.Equal(before, Attend(cache));
        cache.Truncate(90);
        Assert.Equal([90, 90], cache[0].Counts.ToArray());
        Append(cache, 10, 3);
        Assert.Equal(Enumerable.Range(0, 100), cache[0].Positions(1).ToArray());
    }

    [Theory]
    [InlineData(float.NaN), InlineData(float.PositiveInfinity)]
    public void A_number_without_a_code_is_refused_by_layer_and_head(float odd)
    {
        using var cache = new RaggedCache(new CacheShape(2, 3, Dim, ScalarType.BFloat16));
        for (var layer = 0; layer < 2; layer++)
        {
            var keys = Rows(3, 80, layer);
            if (layer == 1) keys[2, 17, 5] = odd;
            cache[layer].Append(keys, Rows(3, 80, 7));
        }
        cache.Advance(80);
        Assert.Contains("layer 1, head 2: a key or a value is infinite or no number, and int4", Assert.Throws<ModelOverflow>(() => cache.Seal(new(4))).Message);
    }

    [Fact]
    public void A_window_begins_inside_a_block()
    {
        using var cache = Cache(400, 400, 130);
        cache.Seal(new(8, 3));
        using var rows = new RaggedCache(cache.Shape with { Storage = ScalarType.Float32 });
        foreach (var window in (int[])[1, 3, 4, 30, 100, 300, 399, 400, 5000])
        {
            float[] weights = new float[cache[0].WeightsOf(2 * Group)], all = Attend(cache, window, weights);
            var at = 0;
            for (var q = 0; q < 4; q++)
            {
                var positions = cache[0].Positions(q / 2);
                double seen = 0;
                for (var entry = 0; entry < positions.Length; entry++, at++)
                    if (positions[entry] > 399 - window) seen += weights[at];
                    else Assert.Equal(0, weights[at]);
                Assert.Equal(1, seen, 1e-5);
            }
            if (window >= 400) Assert.Equal(Attend(cache), all);
        }
    }

    /// <summary>Keys read back are what the kernel sees, across blocks and rows.</summary>
    [Fact]
    public void Keys_are_read_back()
    {
        using var rows = Cache(200, 200);
        using var cache = rows.Clone();
        cache.Seal(new(8, 5));
        float[] plain = new float[200 * Dim], read = new float[200 * Dim], part = new float[70 * Dim];
        rows[0].ReadKeys(0, 0, plain);
        cache[0].ReadKeys(0, 0, read);
        cache[0].ReadKeys(0, 128, part);
        Assert.Equal(read[(128 * Dim)..(198 * Dim)], part);
        Assert.Equal(plain[(195 * Dim)..], read[(195 * Dim)..]);
        for (var i = 0; i < read.Length; i++) Assert.Equal(plain[i], read[i], 0.03f);
        Assert.NotEqual(plain[..(195 * Dim)], read[..(195 * Dim)]);
    }

    [Fact]
    public void Early_layers_may_have_other_bits()
    {
        using var cache = new RaggedCache(new CacheShape(3, 1, Dim, ScalarType.BFloat16));
        for (var layer = 0; layer < 3; layer++) cache[layer].Append(Rows(1, 96, layer), Rows(1, 96, 5));
        cache.Advance(96);
        var format = new EntryFormat(2, 32, 2, 8);
        cache.Seal(format);
        Assert.Equal([64 * 70 + 32 * 128, 64 * 70 + 32 * 128, 64 * 22 + 32 * 128], Enumerable.Range(0, 3).Select(layer => cache[layer].StoredBytes));
        Assert.Equal(cache.StoredBytes, Enumerable.Range(0, 3).Sum(layer => format.BytesFor(layer, 96, Dim)));
    }

    [Fact]
    public void Bfloat16_seals_nothing()
    {
        using var rows = Cache(300, 300, 40);
        using var cache = rows.Clone();
        cache.Seal(new(16));
        Append(rows, 100, 3);
        Append(cache, 100, 3);
        Assert.Equal(Attend(rows), Attend(cache));
        Assert.Equal(rows.StoredBytes, cache.StoredBytes);
    }

    /// <summary>
    /// A recall over sealed entries: of one head of 200 entries (3 blocks of 64, 8 rows) each of two query heads reads its 12 best by the keys as stored. Blocks that hold
    /// one of them are read whole.
    /// </summary>
    [Fact]
    public void A_recall_chooses_among_sealed_entries()
    {
        using var cache = Cache(200, 200);
        cache.Seal(new(4, 8));
        using var all = cache.Clone();
        cache.Recall = new HeadKvLab.Compression.Recalls.ExactTop(12, 0);
        float[] keys = new float[200 * Dim], queries = Numbers(Rows(1, Group, 9)), weights = new float[Group * 200], whole = new float[Group * 200];
        cache[0].ReadKeys(0, 0, keys);
        var output = Attend(cache, null, weights);
        Attend(all, null, whole);
        var read = new HashSet<int>();
        for (var q = 0; q < Group; q++)
        {
            var best = Enumerable.Range(0, 200).OrderByDescending(e => Enumerable.Range(0, Dim).Sum(i => keys[e * Dim + i] * queries[q * Dim + i])).Take(12).Order().ToArray();
            Assert.Equal(best, Enumerable.Range(0, 200).Where(e => weights[q * 200 + e] > 0));
            var share = best.Sum(e => whole[q * 200 + e]);
            foreach (var e in best) Assert.Equal(whole[q * 200 + e] / share, weights[q * 200 + e], 1e-4f);
            read.UnionWith(best);
        }
        Assert.True(read.Count > 12);
        var expected = Enumerable.Range(0, 3).Count(block => read.Any(e => e / 64 == block)) * 64 * 38 + read.Count(e => e >= 192) * 128;
        Assert.Equal(expected + 3 * (4 * 32 + 32 * 32) + 8 * 64, cache.TouchedBytes);   // and all keys to find them: scales, zeros and codes of three blocks, and eight rows
        cache.Recall = new HeadKvLab.Compression.Recalls.ExactTop(200, 0);
        Assert.Equal(Attend(all), Attend(cache));
        Assert.NotEqual(Attend(all), output);
    }

    [Fact]
    public void What_needs_rows_is_refused()
    {
        using var cache = Cache(300, 300, 40);
        cache.Seal(new(4));
        Assert.Contains("sealed already", Assert.Throws<InvalidOperationException>(() => cache.Seal(new(4))).Message);
        Assert.Contains("entries are dropped, and its entries are sealed as int4", Assert.Throws<InvalidOperationException>(() => cache[0].Retain(0, [1, 2])).Message);
        Assert.False(cache[0].IsUniform);
        using var single = new RaggedCache(new CacheShape(1, 1, Dim));
        Assert.Contains("a cache of bfloat16; this one holds Float32", Assert.Throws<InvalidOperationException>(() => single.Seal(new(4))).Message);
    }
}
