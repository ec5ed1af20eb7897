using HeadKvLab.Compression.Recalls;
using TorchSharp;

namespace HeadKvLab.Tests.Compression.Recalls;

public sealed class ClusterKvTests
{
    private static readonly float[][] Six = [[1, 0], [0, 1], [1, 0], [0, 1], [1, 0], [-1, 0]];

    /// <summary>The three seeds are equal: all rows are the first cluster's, and the empty ones take entry 5, whose cosine is -1, then 3, the later of the two of cosine 0; 1 follows it.</summary>
    [Fact]
    public void Clusters_by_hand()
    {
        var (of, centroids) = SphericalClusters.Make([.. Six.SelectMany(row => row)], 2, 3);
        Assert.Equal([0, 2, 0, 2, 0, 1], of);
        Assert.Equal([1, 0, -1, 0, 0, 1], centroids);
    }

    /// <summary>q = (2, 1): centroids score 2, 1 and -2. The token's own entry is the seventh.</summary>
    [Fact]
    public void Clusters_are_read_in_the_order_of_their_centroids()
    {
        using var cache = SomeEntries.Store(new ClusterKv(4, 2, 0, 320, 0), [.. Six, [0, 0]]);
        Assert.Equal([[0, 1, 2, 4, 6]], SomeEntries.Read(cache, [2, 1]));
    }

    /// <summary>The same clusters, by cosine; but q·(0, 5) = 5 is the highest, and {0, 2, 4} is cut in ascending order.</summary>
    [Fact]
    public void The_length_of_a_centroid_counts_in_the_choice_but_not_in_the_clustering()
    {
        using var cache = SomeEntries.Store(new ClusterKv(4, 2, 0, 320, 0), [[1, 0], [0, 5], [1, 0], [0, 5], [1, 0], [-1, 0], [0, 0]]);
        Assert.Equal([[0, 1, 2, 3, 6]], SomeEntries.Read(cache, [2, 1]));
    }

    /// <summary>On random keys: clusters as they are made, products and order in double.</summary>
    [Theory]
    [InlineData(40, 8, 16, 300), InlineData(20, 50, 4, 200), InlineData(17, 3, 16, 100)]
    public void It_reads_sinks_clusters_and_what_came_since(int budget, int size, int sinks, int n)
    {
        const int dim = 16;
        using var cache = SomeEntries.Store(new ClusterKv(budget, size, sinks, 320, 0), SomeEntries.Random(n, dim, 1), SomeEntries.Random(n - 30, dim, 2));
        float[] queries = [.. SomeEntries.Random(4, dim, 3).SelectMany(row => row)];
        SomeEntries.Read(cache, queries);
        var made = cache[0].Counts.ToArray();
        foreach (var row in SomeEntries.Random(25, dim, 4)) SomeEntries.Append(cache, row);
        var read = SomeEntries.Read(cache, queries);
        for (var q = 0; q < 4; q++)
        {
            var old = made[q / 2] - 1;
            var keys = SomeEntries.Rows(cache[0].KeysOf(q / 2));
            var clusters = (old - sinks + size - 1) / size;
            var (of, centroids) = SphericalClusters.Make([.. keys[sinks..old].SelectMany(row => row)], dim, clusters);
            var order = Enumerable.Range(0, clusters).OrderByDescending(c => SomeEntries.Dot(queries.AsSpan(q * dim, dim), centroids.AsSpan(c * dim, dim)));
            var best = order.SelectMany(c => Enumerable.Range(0, of.Length).Where(row => of[row] == c)).Take(budget - sinks).Select(row => sinks + row).Order();
            Assert.Equal([.. Enumerable.Range(0, sinks), .. best, .. Enumerable.Range(old, keys.Length - old)], read[q]);
        }
        long Held(int head) => (made[head] - 1 - sinks + size - 1) / size is var c ? c * dim * 4 + (c + 1) * 4 + (made[head] - 1 - sinks) * 4 : 0;
        Assert.Equal(Held(0) + Held(1), cache.RecallBytes);
    }

    /// <summary>Every ten entries become eight clusters of their own; the budget then holds for them too.</summary>
    [Fact]
    public void What_was_stored_later_becomes_clusters_group_by_group()
    {
        using var cache = SomeEntries.Store(new ClusterKv(20, 4, 2, 10, 0), SomeEntries.Random(60, 16, 1));
        var query = SomeEntries.Random(1, 16, 2)[0];
        for (var t = 0; t < 57; t++)
        {
            var read = SomeEntries.Read(cache, query)[0];
            var open = 59 + t / 10 * 10;
            Assert.Equal(18, read.Count(e => e >= 2 && e < open));
            Assert.Equal([0, 1], read.Take(2));
            Assert.Equal(Enumerable.Range(open, cache[0].Counts[0] - open), read.Where(e => e >= open));
            SomeEntries.Append(cache, SomeEntries.Random(1, 16, 50 + t)[0]);
        }
        var clusters = (57 + 3) / 4 + 5 * 8;
        Assert.Equal(clusters * 64 + (clusters + 1) * 4 + (57 + 50) * 4, cache.RecallBytes);
    }

    /// <summary>Fewer entries than a group has clusters, keys that are all equal or all zero, and a cluster larger than the budget.</summary>
    [Theory]
    [InlineData(1f, 4, 3), InlineData(0f, 4, 10), InlineData(1f, 500, 10), InlineData(0.1f, 1, 2)]
    public void Odd_keys_still_fill_the_budget(float number, int size, int append)
    {
        using var cache = SomeEntries.Store(new ClusterKv(20, size, 2, append, 0), [.. Enumerable.Range(0, 90).Select(_ => Enumerable.Repeat(number, 16).ToArray())]);
        for (var t = 0; t < 25; t++)
        {
            var read = SomeEntries.Read(cache, SomeEntries.Random(1, 16, 2)[0])[0];
            Assert.Equal(20, read.Count(e => e < 89 + t / append * append));
            SomeEntries.Append(cache, [.. Enumerable.Repeat(number, 16)]);
        }
    }

    [Fact]
    public void Equal_rows_make_clusters_of_which_none_is_empty()
    {
        var (of, centroids) = SphericalClusters.Make([.. Enumerable.Repeat(0.1f, 20)], 2, 4);
        Assert.Equal(4, of.Distinct().Count());
        Assert.All(centroids, number => Assert.Equal(0.1f, number));
    }

    [Fact]
    public void Clusters_of_separate_directions_are_found_whatever_their_lengths()
    {
        var random = new Random(5);
        float[][] directions = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]];
        var labels = Enumerable.Range(0, 120).Select(i => (i + i / 30) % 4).ToArray(); // seeds of all four
        float[] rows = [.. labels.SelectMany(label => directions[label].Select(x => (1 + 9 * random.NextSingle()) * (x + 0.1f * (random.NextSingle() - 0.5f))))];
        var (of, _) = SphericalClusters.Make(rows, 3, 4);
        Assert.Equal(4, of.Zip(labels).Distinct().Count());
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Contains("16 sinks are read of it: give 17 or more", Assert.Throws<LabException>(() => new ClusterKv(16)).Message);
        Assert.Contains("append 0", Assert.Throws<LabException>(() => new ClusterKv(64, Append: 0)).Message);
        Assert.Equal((80, 8), (new ClusterKv(1024).Size, new ClusterKv(64).Size));
    }
}
