using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Recalls;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression.Recalls;

/// <summary>Entries that lie far are fetched when they are chosen; nothing of what is computed changes.</summary>
public sealed class FarTierTests
{
    private const int Dim = 16;

    /// <summary>A recall that chooses what it is told, step by step, for each of the query heads; the token's own entry is not among it.</summary>
    private sealed class Told(params int[][][] steps) : IRecall, IRecallIndex
    {
        private int _step;

        public string Name => "told";

        public int Near { get; init; }

        public long Bytes => 0;

        public IRecallIndex? Build(int layer, CacheShape shape) => this;

        public long BytesFor(int layer, int entries, CacheShape shape) => 0;

        public IRecallIndex Clone() => this;

        public void Truncate(int kvHead, int entries)
        {
        }

        public void Choose(LayerCache entries, ReadOnlySpan<float> queries, RecallChoice choice)
        {
            foreach (var own in steps[_step])
            {
                choice.Next();
                foreach (var entry in own) choice.Add(entry, 1);
            }
            _step++;
        }
    }

    /// <summary>
    /// By hand, two query heads of one head. {1, 2} and {2}: 2 entries are fetched. Then {2, 3} and {5}: with one step remembered 2 is near, 3 and 5 are not. Then {1, 3} and {1}:
    /// 3 is near, and 1 too where two steps are remembered. At most 4 and 4 entries are near at once: {1, 2, 3, 5}, and with one step {2, 3, 5, 1}.
    /// </summary>
    [Theory]
    [InlineData(1, 5, 2, 4), InlineData(2, 4, 3, 4), InlineData(4, 4, 3, 4)]
    public void Fetched_by_hand(int near, int fetched, int hits, int peak)
    {
        using var cache = SomeEntries.Store(new Told([[1, 2], [2]], [[2, 3], [5]], [[1, 3], [1]]) { Near = near }, SomeEntries.Random(9, Dim, 1));
        var queries = SomeEntries.Random(2, Dim, 2).SelectMany(row => row).ToArray();
        for (var step = 0; step < 3; step++)
        {
            SomeEntries.Attend(cache, queries);
            if (step == 0) Assert.Null(cache.NearShare);
        }
        Assert.Equal((fetched * 128L, hits / 5.0, peak * 128L, 9 * 128L), (cache.MovedBytes, cache.NearShare, cache.NearBytes, cache.FarBytes));
        Assert.Equal((2 + 3 + 2) * 128L, cache.TouchedBytes);   // what is read is what is chosen, wherever it lay
    }

    /// <summary>A token's own entry is near as it is computed; passed over, it is far.</summary>
    [Fact]
    public void A_new_entry_is_not_fetched()
    {
        using var cache = SomeEntries.Store(new Told([[8]], [[9]], [[3]], [[10, 11]], [[9]]) { Near = 1 }, SomeEntries.Random(9, Dim, 1));
        var moved = new List<long>();
        for (var step = 0; step < 5; step++)
        {
            SomeEntries.Attend(cache, SomeEntries.Random(1, Dim, 2)[0]);
            moved.Add(cache.MovedBytes / 128);
            SomeEntries.Append(cache, SomeEntries.Random(1, Dim, 20 + step)[0]);
        }
        Assert.Equal([0, 0, 1, 2, 3], moved);   // 8 and 9 are new; 3 is fetched; 11 is new and 10 was passed over; so was 9, which is forgotten
    }

    private static float[] Numbers(int count, int seed) => [.. SomeEntries.Random(count, Dim, seed).SelectMany(row => row)];

    /// <summary>Ragged heads, every recall, three memories: the same bits as one tier through growth, windows, cuts and copies, and a near memory that keeps its bound.</summary>
    [Theory]
    [InlineData("Exact budget=20 full-layers=0", 20), InlineData("Quest budget=32 page=4 full-layers=0", 32), InlineData("Quest budget=32 page=4 full-layers=0 choice=kv-head", 32), InlineData("Quest budget=900 full-layers=0", 900), InlineData("ClusterKV budget=24 size=4 sinks=4 append=20 full-layers=0", 44)]
    public void The_same_bits_as_one_tier(string text, int most)
    {
        foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            foreach (var near in (int[])[1, 2, 4])
            {
                float[][][] keys = [SomeEntries.Random(200, Dim, 1), SomeEntries.Random(61, Dim, 2), SomeEntries.Random(7, Dim, 3)];
                using RaggedCache one = SomeEntries.Store(RecallCatalogue.Parse(text), type, keys), two = SomeEntries.Store(RecallCatalogue.Parse($"{text} near={near}"), type, keys);
                for (var step = 0; step < 70; step++)
                {
                    var (queries, sliding) = (Numbers(6, 50 + step / 3), step % 7 == 3 ? 40 : (int?)null);
                    float[] output = new float[queries.Length], expected = new float[queries.Length], weights = new float[one[0].WeightsOf(6)], expectedWeights = new float[weights.Length];
                    one[0].Attend(queries, expected, 0.3f, sliding, step % 5 == 0 ? expectedWeights : default);
                    two[0].Attend(queries, output, 0.3f, sliding, step % 5 == 0 ? weights : default);
                    Assert.Equal(expected, output);
                    Assert.Equal(expectedWeights, weights);
                    foreach (var cache in (RaggedCache[])[one, two])
                    {
                        if (step % 23 == 22) cache.Truncate(cache.LogicalLength - 2);
                        if (step == 31) cache[0].Retain(0, [.. Enumerable.Range(0, cache[0].Counts[0]).Where(e => e % 3 != 1)]);
                        SomeEntries.Append(cache, SomeEntries.Random(1, Dim, 900 + step)[0]);
                    }
                    if (step != 40) continue;
                    using RaggedCache a = one.Clone(), b = two.Clone();
                    Assert.Equal((0, 0, b.StoredBytes), (b.MovedBytes, b.NearBytes, b.FarBytes));
                    Assert.Equal(SomeEntries.Attend(a, queries), SomeEntries.Attend(b, queries));
                    Assert.True(b.MovedBytes > 0);
                }
                Assert.Equal((one.TouchedBytes, one.StoredBytes, one.RecallBytes), (two.TouchedBytes, two.StoredBytes, two.RecallBytes));
                Assert.Equal((0, 0, 0, null), (one.FarBytes, one.NearBytes, one.MovedBytes, one.NearShare));
                Assert.InRange(two.NearBytes / two.Shape.EntryBytes, 1, Math.Min((near + 1) * 3 * 2 * most, 200 + 61 + 7 + 3 * 70));
                Assert.InRange(two.NearShare!.Value, 0.3, 1);
            }
    }

    /// <summary>More steps remembered: no more is moved, and no less is near.</summary>
    [Fact]
    public void The_longer_the_memory_the_less_is_moved()
    {
        var moved = new List<long>();
        foreach (var near in (int[])[1, 2, 4])
        {
            using var cache = SomeEntries.Store(RecallCatalogue.Parse($"Quest budget=32 page=4 full-layers=0 near={near}"), SomeEntries.Random(300, Dim, 1));
            for (var step = 0; step < 40; step++) SomeEntries.Attend(cache, Numbers(2, step));
            moved.Add(cache.MovedBytes);
        }
        Assert.True(moved[0] > moved[1] && moved[1] > moved[2], string.Join(" ", moved));
    }

    /// <summary>One head and one query head: what is moved is what the simulation of single units counts, but for the last page, which it leaves out since it is near.</summary>
    [Theory]
    [InlineData(1), InlineData(2), InlineData(4)]
    public void The_simulation_counts_the_same(int near)
    {
        using var cache = SomeEntries.Store(RecallCatalogue.Parse($"Quest budget=32 page=4 full-layers=0 near={near}"), SomeEntries.Random(301, Dim, 1));
        for (var step = 0; step < 40; step++) SomeEntries.Attend(cache, Numbers(1, step));
        Assert.Equal(cache.FetchedBytes(near), cache.MovedBytes);   // the last page is the token's own entry alone, which was never far
    }

    [Theory]
    [InlineData("FullKV @int4 +Quest near=1", "a near memory holds single rows, and sealed entries lie in blocks"), InlineData("FullKV @think +Exact near=2", "a near memory holds single rows"), InlineData("FullKV +Quest near=-1", "near -1: give 0 or more")]
    public void What_does_not_go_together_is_refused(string policy, string words) => Assert.Contains(words, Assert.Throws<LabException>(() => CachePolicy.Parse(policy)).Message);

    [Fact]
    public void A_near_memory_is_named_where_there_is_one()
    {
        var recall = RecallCatalogue.Parse("Quest budget=64 near=2")!;
        Assert.Equal("Quest budget=64 page=16 full-layers=2 choice=query-head near=2", recall.Name);
        Assert.Equal("Quest budget=64 near=2", RecallCatalogue.Short(recall.Name));
        Assert.Equal(recall, RecallCatalogue.Parse(recall.Name));
        Assert.Equal(new Quest(64), RecallCatalogue.Parse("Quest budget=64 near=0"));
        Assert.Equal("FullKV @bf16 +Quest budget=64 near=2", CachePolicy.Parse("FullKV @bf16 +Quest budget=64 near=2").Name);
    }
}
