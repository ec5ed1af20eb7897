using HeadKvLab.Cache;
using HeadKvLab.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression.Recalls;

/// <summary>Under equal bytes what a recall remembers of the entries is paid for as they are.</summary>
public sealed class IndexBytesTests : IDisposable
{
    private const int N = 500, Window = 8;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>A compressed prompt, whose last token was computed again and has asked the recall of each layer.</summary>
    private static RaggedCache Asked(string policy, Budget budget, CacheShape shape, int queryHeads, CalibrationTables? tables = null, int n = N)
    {
        using var compressor = new Compressor(CachePolicy.Parse(policy, tables), budget, shape, queryHeads);
        for (var layer = 0; layer < shape.Layers; layer++)
            compressor.Accept(new(layer, RandomTensors.Make(shape.KvHeads, n, shape.HeadDim, 10 + layer), RandomTensors.Make(shape.KvHeads, n, shape.HeadDim, 20 + layer), RandomTensors.Make(queryHeads, n, shape.HeadDim, 30 + layer), 0.25f, Kinds: SomeKinds.Of(n)));
        var cache = compressor.TakeCache();
        cache.Truncate(n - 1);
        float[] row = [.. Enumerable.Range(0, cache.Shape.KvHeads * shape.HeadDim).Select(i => MathF.Sin(i))], queries = [.. Enumerable.Range(0, queryHeads * shape.HeadDim).Select(i => MathF.Cos(i))];
        for (var layer = 0; layer < shape.Layers; layer++)
        {
            cache[layer].Append(row, row);
            cache[layer].Attend(queries, new float[queries.Length], 0.25f);
        }
        cache.Advance(1);
        return cache;
    }

    /// <summary>
    /// By hand, one head of dimension 4 in float32. An entry takes 32 bytes, a page of 4 another 32: 20 entries' 640 bytes are 16 entries and 4 pages; 21 entries' 672 are 17, and
    /// 19 entries' 608 are 15 entries and 3 pages, 576 bytes, since a 16th costs 64.
    /// Clusters of 4 behind one sink, made when more than 9 entries wait: of 11 entries 9 are in 3 clusters, 3 x 16 + (3 + 1 + 9) x 4 = 100 bytes beside 352. 15 entries' 480 bytes pay
    /// for them, 14 entries' 448 for 10 entries without clusters.
    /// </summary>
    [Theory]
    [InlineData("Quest budget=4 page=4", 20, 16, 128), InlineData("Quest budget=4 page=4", 21, 17, 128), InlineData("Quest budget=4 page=4", 19, 15, 96)]
    [InlineData("ClusterKV budget=9 sinks=1 size=4", 15, 11, 100), InlineData("ClusterKV budget=9 sinks=1 size=4", 14, 10, 0), InlineData("Exact budget=4", 20, 20, 0), InlineData("Recent budget=4", 20, 20, 0)]
    public void Entries_and_index_by_hand(string recall, int size, int entries, long index)
    {
        using var cache = Asked($"SnapKV +{recall} full-layers=0", new Budget(size, 2, BudgetRule.EqualBytes), new CacheShape(1, 1, 4), 1, n: 60);
        Assert.Equal((entries, index), (cache[0].Counts[0], cache.RecallBytes));
        Assert.InRange(cache.StoredBytes + cache.RecallBytes, 0, 32L * size);
    }

    /// <summary>The layers that are read whole have no index, and their heads keep as many entries as the others all the same where shares are equal.</summary>
    [Fact]
    public void Layers_read_whole_have_no_index()
    {
        using var cache = Asked("SnapKV +Quest budget=4 page=4 full-layers=1", new Budget(20, 2, BudgetRule.EqualBytes), new CacheShape(2, 1, 4), 1, n: 60);
        Assert.Equal((18, 18, 4 * 32L), (cache[0].Counts[0], cache[1].Counts[0], cache.RecallBytes));   // 36 entries and 4 pages: the 1,280 bytes of 40 entries
    }

    /// <summary>However entries are shared out and stored, they and the index take what the budget's entries take in rows, or less by no more than a step of each layer.</summary>
    [Theory]
    [InlineData("SnapKV"), InlineData("HeadKV-R2"), InlineData("Ada-SnapKV"), InlineData("PyramidKV")]
    public void Entries_and_index_take_the_bytes_of_the_budget(string method)
    {
        var tables = SomeTables.Of(new HeadImportance(3, 4, [9, 0, 1, 2, 0.1, 0.1, 5, 0, 0, 0.3, 0.2, 1]), 2);
        foreach (var granularity in Enum.GetValues<Granularity>())
            foreach (var format in (string[])["", "@bf16", "@int4 recent=8", "@think recent=8"])
                foreach (var recall in (string[])["Quest budget=32 page=8 full-layers=1", "ClusterKV budget=24 size=4 sinks=4 full-layers=1"])
                {
                    using RaggedCache with = Asked($"{method} {format} +{recall}", new Budget(100, Window, BudgetRule.EqualBytes, granularity), new CacheShape(3, 2, 16), 4, tables);
                    using RaggedCache without = Asked($"{method} {format}", new Budget(100, Window, BudgetRule.EqualBytes, granularity), new CacheShape(3, 2, 16), 4, tables);
                    var most = 100L * 3 * 2 * (format.Length == 0 ? 128 : 64);
                    Assert.True(with.RecallBytes > 0);
                    Assert.True(with.Entries < without.Entries, $"{method} {format} +{recall}: {with.Entries} entries, {without.Entries} without");
                    Assert.InRange(with.StoredBytes + with.RecallBytes, most - 3 * 900L, most);
                    var counted = Enumerable.Range(0, 3).Sum(layer => with[layer].Counts.ToArray().Sum(entries => with.Recall!.BytesFor(layer, entries, with.Shape)));
                    Assert.Equal(counted, with.RecallBytes);
                }
    }

    /// <summary>Under the other rules a recall changes nothing of what is kept.</summary>
    [Fact]
    public void Equal_entries_are_the_same_entries()
    {
        using RaggedCache with = Asked("Ada-SnapKV +Quest budget=16", new Budget(100), new CacheShape(3, 2, 16), 4), without = Asked("Ada-SnapKV", new Budget(100), new CacheShape(3, 2, 16), 4);
        for (var layer = 0; layer < 3; layer++)
            for (var head = 0; head < 2; head++) Assert.Equal(without[layer].Positions(head).ToArray(), with[layer].Positions(head).ToArray());
    }

    [Theory]
    [InlineData("KV-Compress +Quest budget=16", "KV-Compress: the heads of the model compete for entries, and equal-bytes with Quest"), InlineData("SnapKV every 16 +ClusterKV budget=32", "a schedule counts the entries alone")]
    public void What_does_not_go_together_is_refused(string policy, string words) =>
        Assert.Contains(words, Assert.Throws<LabException>(() => new Compressor(CachePolicy.Parse(policy), new Budget(100, Rule: BudgetRule.EqualBytes), new CacheShape(3, 2, 16), 4)).Message);

    [Theory]
    [InlineData("KV-Compress +Exact budget=16"), InlineData("SnapKV every 16 +Recent budget=16"), InlineData("FullKV +Quest budget=16")]
    public void Without_an_index_or_a_budget_they_do(string policy) =>
        new Compressor(CachePolicy.Parse(policy), new Budget(100, Rule: BudgetRule.EqualBytes), new CacheShape(3, 2, 16), 4).Dispose();

    [Fact]
    public void A_window_that_the_index_leaves_no_room_for_is_told() =>
        Assert.Contains("as Quest budget=4 page=1 full-layers=0 choice=query-head, the window 8", Assert.Throws<LabException>(() => Asked("SnapKV +Quest budget=4 page=1 full-layers=0", new Budget(12, Window, BudgetRule.EqualBytes), new CacheShape(1, 2, 16), 4)).Message);
}
