using HeadKvLab.Cache;
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

    /// <summary>
    /// The three seeds are (1, 0). Empty clusters take the row of cosine -1, then that of -0.11, whose product is less; a row that is no number has cosine 0 to everything and stays.
    /// To an infinite centroid a finite row has cosine 0, too, which is more than -1.
    /// </summary>
    [Fact]
    public void An_empty_cluster_takes_the_row_of_the_least_cosine()
    {
        Assert.Equal([0, 0, 0, 2, 0, 1, 0], SphericalClusters.Make([1, 0, 1, 0, 1, 0, -30, 270, 1, 0, -1, 0, float.NaN, 0], 2, 3).Of);
        Assert.Equal([0, 0, 1, 1], SphericalClusters.Make([float.PositiveInfinity, 0, 1, 0, -1, 0, -1, 0], 2, 2).Of);
    }

    /// <summary>A plain second implementation, in double: on random rows of any length, of few clusters and of many; the last one does not come to rest within the 20 rounds.</summary>
    [Theory]
    [InlineData(100, 3, 4), InlineData(60, 5, 40), InlineData(300, 2, 17), InlineData(9, 4, 9), InlineData(50, 3, 1), InlineData(2000, 6, 12)]
    public void Clusters_are_those_of_a_naive_program(int n, int dim, int clusters)
    {
        var random = new Random(n);
        double[][] rows = [.. SomeEntries.Random(n, dim, n).Select(row => (Row: row, Length: 0.1f + 5 * random.NextSingle())).Select(one => one.Row.Select(x => (double)(x * one.Length)).ToArray())];
        double Cosine(double[] row, double[] centroid) => row.Zip(centroid, (a, b) => a * b).Sum() / Math.Sqrt(row.Sum(x => x * x) * centroid.Sum(x => x * x));
        double[][] centroids = [.. Enumerable.Range(0, clusters).Select(c => rows[c * n / clusters])];
        int[] of = [], before = [];
        for (var round = 0; round < 20 && (round == 0 || !of.SequenceEqual(before)); round++)
        {
            before = of;
            of = [.. rows.Select(row => Enumerable.Range(0, clusters).MaxBy(c => Cosine(row, centroids[c])))];
            var own = rows.Zip(of, (row, c) => Cosine(row, centroids[c])).ToArray();
            foreach (var c in Enumerable.Range(0, clusters).Where(c => !of.Contains(c)))
            {
                var row = Enumerable.Range(0, n).Where(i => of.Count(x => x == of[i]) > 1).MinBy(i => own[i]);
                (of[row], own[row]) = (c, 1);
            }
            centroids = [.. Enumerable.Range(0, clusters).Select(c => Enumerable.Range(0, dim).Select(i => rows.Where((_, row) => of[row] == c).Average(row => row[i])).ToArray())];
        }
        var made = SphericalClusters.Make([.. rows.SelectMany(row => row.Select(x => (float)x))], dim, clusters);
        Assert.Equal(of, made.Of);
        Assert.Equal(n == 2000, !of.SequenceEqual(before));
        Assert.All(made.Centroids.Zip(centroids.SelectMany(c => c)), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
    }

    /// <summary>
    /// q = (2, 1): centroids score 2, 1 and -2. The token's own entry is the seventh. Read are three centroids of 8 bytes, four numbers that say where clusters begin,
    /// four members, and five entries of 16 bytes.
    /// </summary>
    [Fact]
    public void Clusters_are_read_in_the_order_of_their_centroids()
    {
        using var cache = SomeEntries.Store(new ClusterKv(4, 2, 0, 320, 0), [.. Six, [0, 0]]);
        Assert.Equal([[0, 1, 2, 4, 6]], SomeEntries.Read(cache, [2, 1]));
        Assert.Equal(3 * 8 + 4 * 4 + 4 * 4 + 5 * 16, cache.TouchedBytes);
    }

    /// <summary>
    /// Four entries later each of them is a cluster: 8 and 7 score 8 and 3, then {0, 2, 4} 2. A cut at the end of a group leaves it; one before its end takes the group, and with it
    /// what was near: entries 6 to 8 are read as they come, until a new one of 9 makes the group once more, whose 7 and 8 are fetched again. The six stay what they were.
    /// </summary>
    [Fact]
    public void A_cut_takes_the_groups_that_it_cuts()
    {
        using var cache = SomeEntries.Store(new ClusterKv(4, 2, 0, 4, 0), [.. Six, [0, 0]]);
        SomeEntries.Read(cache, [2, 1]);
        foreach (var row in (float[][])[[0, 3], [4, 0], [0, -1], [1, 1]]) SomeEntries.Append(cache, row);
        Assert.Equal([[0, 2, 7, 8, 10]], SomeEntries.Read(cache, [2, 1]));
        cache.Truncate(10);
        Assert.Equal(7 * 8 + 8 * 4 + 10 * 4, cache.RecallBytes);
        cache.Truncate(9);
        Assert.Equal(3 * 8 + 4 * 4 + 6 * 4, cache.RecallBytes);
        Assert.Equal([[0, 1, 2, 4, 6, 7, 8]], SomeEntries.Read(cache, [2, 1]));
        foreach (var row in (float[][])[[0, -1], [1, 1]]) SomeEntries.Append(cache, row);
        Assert.Equal([[0, 2, 7, 8, 10]], SomeEntries.Read(cache, [2, 1]));
        Assert.Equal(0.5, cache.HitRate(4));   // of 8 units after the first step: {0, 2, 4} three times, {1, 3} once
    }

    /// <summary>A head of as many entries as the budget, its token's own beside them, has no clusters, whatever its neighbour has; one entry more makes some.</summary>
    [Fact]
    public void A_head_that_fits_has_no_clusters()
    {
        foreach (var more in (int[])[0, 1])
        {
            using var cache = SomeEntries.Store(new ClusterKv(6, 3, 0, 320, 0), [.. SomeEntries.Random(20, 2, 1)], [.. SomeEntries.Random(7 + more, 2, 2)]);
            SomeEntries.Read(cache, [1, 1, 1, 1]);
            var (large, small) = (7 * 8 + 8 * 4 + 19 * 4, 3 * 8 + 4 * 4 + 7 * 4);
            Assert.Equal(more == 0 ? large : large + small, cache.RecallBytes);
        }
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
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 3, 2, 1], of);   // of equals an empty cluster takes the later
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

    /// <summary>
    /// The clusters are {0, 2, 4}, {1, 3} and {5}; q = (2, 1) has products 2, 6 and 4 with 0, 2 and 4: of two entries the best are 2 and 4, in place of 0 and 2. To find them the key of
    /// the third is read beside what is read anyway: 8 bytes. Of equal products the later stay.
    /// </summary>
    [Fact]
    public void The_last_cluster_can_be_cut_to_its_best()
    {
        float[][] rows = [[1, 0], [0, 1], [3, 0], [0, 1], [2, 0], [-1, 0], [0, 0]];
        using RaggedCache first = SomeEntries.Store(new ClusterKv(2, 2, 0, 320, 0), rows), best = SomeEntries.Store(new ClusterKv(2, 2, 0, 320, 0, BestCut: true), rows);
        Assert.Equal([[0, 2, 6]], SomeEntries.Read(first, [2, 1]));
        Assert.Equal([[2, 4, 6]], SomeEntries.Read(best, [2, 1]));
        Assert.Equal(first.TouchedBytes + 8, best.TouchedBytes);
        using var equal = SomeEntries.Store(new ClusterKv(2, 2, 0, 320, 0, BestCut: true), [.. Six, [0, 0]]);
        Assert.Equal([[2, 4, 6]], SomeEntries.Read(equal, [2, 1]));
    }

    /// <summary>Where entries are sealed the clusters are those of the keys as computed, not of what 2 bits leave of them; a sealed prompt whose last token is taken back keeps them.</summary>
    [Fact]
    public void Sealed_entries_are_clustered_as_they_were()
    {
        var (rows, query) = (SomeEntries.Random(200, 16, 1), SomeEntries.Random(1, 16, 2)[0]);
        using RaggedCache plain = SomeEntries.Store(new ClusterKv(40, 8, 4, 320, 0), TorchSharp.torch.ScalarType.BFloat16, rows), early = plain.Clone(), late = plain.Clone();
        early.Seal(new(2, 8));
        late.Recall = null;
        late.Seal(new(2, 8));
        late.Recall = early.Recall;
        foreach (var cache in (RaggedCache[])[plain, early, late])
        {
            cache.Truncate(199);
            SomeEntries.Append(cache, rows[199]);
        }
        int[] Read(RaggedCache cache)
        {
            var weights = new float[cache[0].WeightsOf(1)];
            cache[0].Attend(query, new float[16], 0.3f, null, weights);
            return [.. Enumerable.Range(0, weights.Length).Where(e => weights[e] > 0)];
        }
        Assert.Equal(Read(plain), Read(early));
        Assert.NotEqual(Read(plain), Read(late));
        Assert.Equal(plain.RecallBytes, early.RecallBytes);
    }

    [Fact]
    public void A_small_budget_is_still_several_clusters() => Assert.Equal((80, 8), (new ClusterKv(1024).Size, new ClusterKv(64).Size));
}
