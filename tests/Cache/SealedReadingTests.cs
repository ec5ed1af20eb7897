using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;
using static HeadKvLab.Tests.Cache.SomeSealed;

namespace HeadKvLab.Tests.Cache;

/// <summary>A token reads sealed blocks as what they stand for.</summary>
public sealed class SealedReadingTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Every key, and with <see cref="Attend"/> as the probe every value: where all is sealed with enough bits, outputs are near those of the rows.</summary>
    [Fact]
    public void Eight_bits_attend_nearly_as_rows_and_fewer_less_nearly()
    {
        using var rows = Holding(300, 300, 40, 7, 200);
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

    [Fact]
    public void A_window_begins_inside_a_block()
    {
        using var cache = Holding(400, 400, 130);
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
        using var rows = Holding(200, 200);
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

    /// <summary>
    /// A recall over sealed entries: of one head of 200 entries (3 blocks of 64, 8 rows) each of two query heads reads its 12 best by the keys as stored. Blocks that hold
    /// one of them are read whole.
    /// </summary>
    [Fact]
    public void A_recall_chooses_among_sealed_entries()
    {
        using var cache = Holding(200, 200);
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
}
