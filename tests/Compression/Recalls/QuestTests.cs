using HeadKvLab.Compression.Recalls;
using HeadKvLab.Kernels;
using TorchSharp;

namespace HeadKvLab.Tests.Compression.Recalls;

public sealed class QuestTests
{
    /// <summary>q = (1, -2) between (-1, 0) and (2, 3): max(-1, 2) + max(0, -6) = 2.</summary>
    [Fact]
    public void A_pages_score_by_hand() => Assert.Equal(2, Elementwise.LargestDot([1, -2], [-1, 0], [2, 3]));

    [Theory]
    [InlineData(1), InlineData(16), InlineData(20), InlineData(33), InlineData(128)]
    public void No_key_of_a_page_scores_more_than_the_page(int dim)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (keys, query) = (SomeEntries.Random(16, dim, seed), SomeEntries.Random(1, dim, 100 + seed)[0]);
            float[] low = [.. Enumerable.Range(0, dim).Select(i => keys.Min(k => k[i]))], high = [.. Enumerable.Range(0, dim).Select(i => keys.Max(k => k[i]))];
            var bound = Elementwise.LargestDot(query, low, high);
            Assert.All(keys, key => Assert.True(SomeEntries.Dot(query, key) <= bound + 1e-4, $"{SomeEntries.Dot(query, key)} > {bound}"));
            Assert.Equal(Enumerable.Range(0, dim).Sum(i => Math.Max((double)query[i] * low[i], (double)query[i] * high[i])), bound, 1e-4);
        }
    }

    /// <summary>Pages, bounds and sums in double; the page of the last entry is one of them, whatever its score. Behind a window a page counts whole, and what is seen of it is read.</summary>
    [Theory]
    [InlineData(64, 16, 200), InlineData(64, 16, 208), InlineData(10, 16, 500), InlineData(30, 5, 333), InlineData(30, 5, 333, 121), InlineData(12, 4, 90, 18), InlineData(12, 4, 90, 11)]
    public void It_reads_the_pages_of_the_highest_scores_and_the_tokens_own(int budget, int page, int n, int? window = null)
    {
        const int dim = 16;
        foreach (var type in new[] { torch.ScalarType.Float32, torch.ScalarType.BFloat16, torch.ScalarType.Float16 })
        {
            using var cache = SomeEntries.Store(new Quest(budget, page, 0), type, SomeEntries.Random(n, dim, 1), SomeEntries.Random(n - 70, dim, 2));
            float[] queries = [.. SomeEntries.Random(4, dim, 3).SelectMany(row => row)];
            var (read, bytes) = (SomeEntries.Read(cache, queries, window), 0L);
            for (var q = 0; q < 4; q++)
            {
                var pages = SomeEntries.Rows(cache[0].KeysOf(q / 2)).Chunk(page).ToArray();
                double Score(float[][] keys) => Enumerable.Range(0, dim).Sum(i => Math.Max((double)queries[q * dim + i] * keys.Min(k => k[i]), (double)queries[q * dim + i] * keys.Max(k => k[i])));
                var first = Math.Max(0, cache[0].Counts[q / 2] - (window ?? n));
                var seen = Enumerable.Range(first / page, pages.Length - first / page).ToArray();
                var most = Math.Max(3, budget / page);
                int[] chosen = seen.Length <= most ? seen : [.. seen[..^1].OrderByDescending(p => Score(pages[p])).Take(most - 1), seen[^1]];
                Assert.Equal(chosen.Order().SelectMany(p => Enumerable.Range(p * page, pages[p].Length)).Where(entry => entry >= first), read[q]);
                if (q % 2 == 1) bytes += ((seen.Length <= most ? 0 : seen.Length - 1) + read[q].Union(read[q - 1]).Count()) * cache.Shape.EntryBytes;
            }
            Assert.Equal(bytes, cache.TouchedBytes);
            Assert.Equal((n / page + (n - 70) / page) * cache.Shape.EntryBytes, cache.RecallBytes);   // complete pages
        }
    }

    [Theory]
    [InlineData(42, 32), InlineData(16, 4), InlineData(12, 0)]
    public void Of_equal_pages_the_later_are_read(int n, int first)
    {
        using var cache = SomeEntries.Store(new Quest(12, 4, 0), [.. Enumerable.Repeat(new float[] { 1, 2 }, n)]);
        Assert.Equal([[.. Enumerable.Range(first, n - first)]], SomeEntries.Read(cache, [1, 1]));
    }

    /// <summary>A page of the cache's type is the bytes of one entry. Two query heads read an entry once.</summary>
    [Fact]
    public void Bytes_are_those_of_the_bounds_and_of_the_entries_that_are_read()
    {
        using var cache = SomeEntries.Store(new Quest(64, 16, 0), torch.ScalarType.BFloat16, SomeEntries.Random(200, 16, 1));
        var read = SomeEntries.Read(cache, [.. SomeEntries.Random(2, 16, 3).SelectMany(row => row)]);
        Assert.NotEqual(read[0], read[1]);
        Assert.Equal(12 * 64, cache.RecallBytes);
        Assert.Equal(12 * 64 + read[0].Union(read[1]).Count() * 64, cache.TouchedBytes);
        Assert.Equal(1, cache.AttendedTokens);
    }
}
