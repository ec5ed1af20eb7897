using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Recalls;

namespace HeadKvLab.Tests.Compression.Recalls;

/// <summary>Query heads of a KV head that choose together: by the sum of their queries, so that each entry is read once for all of them.</summary>
public sealed class ByKvHeadTests
{
    private const int Dim = 16;

    private static float[] Queries(int heads, int seed) => [.. SomeEntries.Random(heads, Dim, seed).SelectMany(row => row)];

    [Fact]
    public void They_read_what_the_sum_of_their_queries_chooses()
    {
        foreach (var (one, together) in ((IRecall, IRecall)[])[(new ExactTop(12, 0), new ExactTop(12, 0, true)), (new Quest(16, 4, 0), new Quest(16, 4, 0, true)), (new ClusterKv(24, 4, 2, 50, 0), new ClusterKv(24, 4, 2, 50, 0, true))])
        {
            float[][] first = SomeEntries.Random(200, Dim, 1), second = SomeEntries.Random(90, Dim, 2);
            using RaggedCache alone = SomeEntries.Store(one, first, second), shared = SomeEntries.Store(together, first, second);
            var queries = Queries(6, 3);   // three of each KV head
            float[] sums = [.. from head in Enumerable.Range(0, 2) from i in Enumerable.Range(0, Dim) select Enumerable.Range(0, 3).Sum(g => queries[(head * 3 + g) * Dim + i])];
            var (expected, read) = (SomeEntries.Read(alone, sums), SomeEntries.Read(shared, queries));
            for (var q = 0; q < 6; q++) Assert.Equal(expected[q / 3], read[q]);
            Assert.Equal(alone.TouchedBytes, shared.TouchedBytes);   // three query heads read no more than one
        }
    }

    /// <summary>One query head of the two wants the entry that the other most avoids: together they take neither's first choice.</summary>
    [Fact]
    public void What_one_wants_another_may_outvote()
    {
        float[][] keys = [[1, 0], [-1, 0], [0, 1]];
        using var alone = SomeEntries.Store(new ExactTop(1, 0), keys);
        Assert.Equal([[0], [1]], SomeEntries.Read(alone, [2, 0, -2, 1]));
        using var together = SomeEntries.Store(new ExactTop(1, 0, true), keys);
        Assert.Equal([[2], [2]], SomeEntries.Read(together, [2, 0, -2, 1]));
    }

    [Fact]
    public void It_is_a_setting()
    {
        var recall = RecallCatalogue.Parse("Quest budget=64 choice=kv-head")!;
        Assert.Equal(new Quest(64, ByKvHead: true), recall);
        Assert.Equal("Quest budget=64 page=16 full-layers=2 choice=kv-head", recall.Name);
        Assert.Equal("Quest budget=64 choice=kv-head", RecallCatalogue.Short(recall.Name));
        Assert.Contains("choice all: give query-head or kv-head", Assert.Throws<LabException>(() => RecallCatalogue.Parse("Exact choice=all")).Message);
    }
}
