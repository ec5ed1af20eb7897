using HeadKvLab.Compression.Recalls;
using TorchSharp;

namespace HeadKvLab.Tests.Compression.Recalls;

public sealed class ExactTopTests
{
    [Theory]
    [InlineData(1, 200, 16), InlineData(7, 65, 20), InlineData(64, 129, 32), InlineData(40, 1000, 16)]
    public void It_reads_the_entries_of_the_largest_products(int budget, int n, int dim)
    {
        foreach (var type in new[] { torch.ScalarType.Float32, torch.ScalarType.BFloat16 })
        {
            using var cache = SomeEntries.Store(new ExactTop(budget, 0), type, SomeEntries.Random(n, dim, 1), SomeEntries.Random(n / 2, dim, 2));
            float[] queries = [.. SomeEntries.Random(4, dim, 3).SelectMany(row => row)];
            var read = SomeEntries.Read(cache, queries);
            for (var q = 0; q < 4; q++)
            {
                var keys = SomeEntries.Rows(cache[0].KeysOf(q / 2));
                Assert.Equal(Enumerable.Range(0, keys.Length).OrderByDescending(e => SomeEntries.Dot(queries.AsSpan(q * dim, dim), keys[e])).Take(budget).Order(), read[q]);
            }
        }
    }

    [Fact]
    public void Of_equal_products_the_later_are_read()
    {
        using var cache = SomeEntries.Store(new ExactTop(3, 0), [.. Enumerable.Repeat(new float[] { 1, 2 }, 10)]);
        Assert.Equal([[7, 8, 9]], SomeEntries.Read(cache, [1, 1]));
    }

    /// <summary>All keys are read to choose, then keys and values of the chosen: 16 numbers of 4 bytes each.</summary>
    [Fact]
    public void It_saves_nothing_by_its_bytes()
    {
        using var cache = SomeEntries.Store(new ExactTop(10, 0), SomeEntries.Random(100, 16, 1));
        SomeEntries.Attend(cache, SomeEntries.Random(1, 16, 2)[0]);
        Assert.Equal((100 + 2 * 10) * 64, cache.TouchedBytes);
        Assert.Equal(0, cache.RecallBytes);
        using var fits = SomeEntries.Store(new ExactTop(10, 0), SomeEntries.Random(10, 16, 1));   // nothing to choose: no key is read twice
        SomeEntries.Attend(fits, SomeEntries.Random(1, 16, 2)[0]);
        Assert.Equal(2 * 10 * 64, fits.TouchedBytes);
    }

    /// <summary>A key that is no number must reach the output, where it is noticed.</summary>
    [Fact]
    public void What_is_no_number_is_read()
    {
        var keys = SomeEntries.Random(100, 16, 1);
        keys[50][3] = float.NaN;
        foreach (HeadKvLab.Cache.IRecall recall in new HeadKvLab.Cache.IRecall[] { new ExactTop(10, 0), new Quest(10, 4, 0), new ClusterKv(30, 4, 4, 40, 0) })
        {
            using var cache = SomeEntries.Store(recall, keys);
            Assert.All(SomeEntries.Attend(cache, SomeEntries.Random(1, 16, 2)[0]), number => Assert.True(float.IsNaN(number), recall.Name));
        }
    }
}
