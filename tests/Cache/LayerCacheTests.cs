using HeadKvLab.Cache;
using HeadKvLab.Tests.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>One layer: what is refused and how that is said, and when its entries move.</summary>
public sealed class LayerCacheTests : IDisposable
{
    private const int Dim = 8;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static float[] Numbers(Tensor t) => t.contiguous().data<float>().ToArray();

    [Fact]
    public void A_chunk_of_fewer_model_heads_serves_groups_of_the_caches_heads()
    {
        Tensor keys = RandomTensors.Make(2, 3, Dim, 1), values = RandomTensors.Make(2, 3, Dim, 2);
        using var cache = new RaggedCache(new CacheShape(1, 4, Dim));
        cache[0].Append(keys, values);
        for (var h = 0; h < 4; h++)
        {
            Assert.Equal(Numbers(keys[h / 2]), Numbers(cache[0].KeysOf(h)));
            Assert.Equal(Numbers(values[h / 2]), Numbers(cache[0].ValuesOf(h)));
        }
    }

    public static TheoryData<string, Action<LayerCache>> Refused => new()
    {
        { "layer 1: keys must be [kvHead, position, dim] = [2 or a divisor, n, 8], they are [3, 6, 8]", layer => layer.Append(zeros(3, 6, Dim), zeros(3, 6, Dim)) },
        { "they are [0, 6, 8]", layer => layer.Append(zeros(0, 6, Dim), zeros(0, 6, Dim)) },
        { "they are [6, 8]", layer => layer.Append(zeros(6, Dim), zeros(6, Dim)) },
        { "they are [2, 6, 4]", layer => layer.Append(zeros(2, 6, 4), zeros(2, 6, 4)) },
        { "layer 1: values [2, 5, 8] and keys [2, 6, 8] differ in shape", layer => layer.Append(zeros(2, 6, Dim), zeros(2, 5, Dim)) },
        { "16 key and 8 value numbers do not make one entry of dimension 8 for 2 heads", layer => layer.Append(new float[16], new float[8]) },
        { "12 key and 12 value numbers", layer => layer.Append(new float[12], new float[12]) },
        { "24 key and 24 value numbers", layer => layer.Append(new float[24], new float[24]) },
        { "0 key and 0 value numbers", layer => layer.Append([], []) },
        { "positions of 1 heads were given, the layer has 2", layer => layer.Store(zeros(2, 6, Dim), zeros(2, 6, Dim), new int[][] { [0] }) },
        { "head 1: position 2 follows 3 in a prompt of 6 tokens", layer => layer.Store(zeros(2, 6, Dim), zeros(2, 6, Dim), new int[][] { [0], [3, 2] }) },
        { "head 1: position 3 follows 3 in a prompt of 6 tokens", layer => layer.Store(zeros(2, 6, Dim), zeros(2, 6, Dim), new int[][] { [0], [3, 3] }) },
        { "head 0: position 6 follows -1 in a prompt of 6 tokens", layer => layer.Store(zeros(2, 6, Dim), zeros(2, 6, Dim), new int[][] { [6], [3] }) },
        { "head 0: position -1 follows -1", layer => layer.Store(zeros(2, 6, Dim), zeros(2, 6, Dim), new int[][] { [-1], [3] }) },
        { "layer 1: keys and values of a head must both be [position, 8]", layer => layer.Store(0, zeros(2, 6, Dim), zeros(2, 6, Dim), [0]) },
        { "must both be [position, 8]", layer => layer.Store(0, zeros(6, 4), zeros(6, 4), [0]) },
        { "must both be [position, 8]", layer => layer.Store(0, zeros(6, Dim), zeros(5, Dim), [0]) },
        { "must both be [position, 8]", layer => layer.Store(0, zeros(6, Dim, 2), zeros(6, Dim, 2), [0]) },
        { "head 1: position 6 follows 5 in a prompt of 6 tokens", layer => layer.Store(1, zeros(6, Dim), zeros(6, Dim), [5, 6]) },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Misuse_is_refused_by_name_and_changes_nothing(string said, Action<LayerCache> use)
    {
        using var cache = new RaggedCache(new CacheShape(2, 2, Dim));
        cache[1].Store(RandomTensors.Make(2, 6, Dim, 1), RandomTensors.Make(2, 6, Dim, 2), new int[][] { [0, 5], [5] });
        var before = Numbers(cache[1].KeysOf(0));
        Assert.Contains(said, Assert.Throws<ArgumentException>(() => use(cache[1])).Message);
        Assert.Equal(before, Numbers(cache[1].KeysOf(0)));
        Assert.Equal([2, 1], cache[1].Counts.ToArray());
    }

    /// <summary>Room that is there already is not made again: the entries stay where they lie.</summary>
    [Fact]
    public void Reserving_what_there_is_moves_nothing()
    {
        using var cache = new RaggedCache(new CacheShape(1, 2, Dim));
        cache.Reserve(5);
        Assert.Equal(0, cache.ReservedBytes);                          // an empty layer waits for its first entries
        cache[0].Append(RandomTensors.Make(2, 5, Dim, 1), RandomTensors.Make(2, 5, Dim, 2));
        Assert.Equal(2 * 5 * 2 * Dim * 4, cache.ReservedBytes);         // and takes the room that was asked for
        cache.Advance(5);
        cache.Reserve(7);
        var (bytes, place) = (cache.ReservedBytes, TensorMemory.Address(cache[0].KeysOf(0)));
        Assert.Equal(2 * (5 + 7) * 2 * Dim * 4, bytes);
        foreach (var tokens in new[] { 7, 6, 0, -1 }) cache.Reserve(tokens);
        Assert.Equal((bytes, place), (cache.ReservedBytes, TensorMemory.Address(cache[0].KeysOf(0))));
    }

    [Fact]
    public void An_empty_cache_can_be_cloned_and_filled()
    {
        using var cache = new RaggedCache(new CacheShape(1, 2, Dim));
        using var clone = cache.Clone();
        clone[0].Append(new float[16], new float[16]);
        Assert.Equal([1, 1], clone[0].Counts.ToArray());
        Assert.Equal([0, 0], cache[0].Counts.ToArray());
        Assert.Contains("layer 0 holds no entries yet", Assert.Throws<InvalidOperationException>(() => cache[0].KeysOf(0)).Message);
    }

    [Fact]
    public void Storing_anew_forgets_the_merged_entry()
    {
        Tensor keys = RandomTensors.Make(1, 4, Dim, 1), values = RandomTensors.Make(1, 4, Dim, 2);
        using var cache = new RaggedCache(new CacheShape(1, 1, Dim));
        var merged = new MergedEntry(new float[Dim], new float[Dim], 3);
        cache[0].Store(keys, values, new int[][] { [1, 2] }, [merged]);
        Assert.Equal((MathF.Log(3), false), (cache[0].BiasOf(0), cache[0].IsUniform));
        cache[0].Store(keys, values, new int[][] { [0, 3] });
        Assert.Equal((0f, true), (cache[0].BiasOf(0), cache[0].IsUniform));
        cache[0].Store(keys, values, new int[][] { [1, 2] }, [merged]);
        cache[0].Store(0, keys[0], values[0], [2, 3]);
        Assert.Equal(0f, cache[0].BiasOf(0));
        Assert.Equal([2, 3], cache[0].Positions(0).ToArray());
    }

    /// <summary>Used-up room is made anew for 64 tokens beyond the one that comes, from 260 entries on for a quarter of the longest head's; room that just suffices is used up first.</summary>
    [Theory]
    [InlineData(5, 65), InlineData(256, 65), InlineData(260, 65), InlineData(264, 66), InlineData(400, 100)]
    public void A_full_layer_grows_by_a_quarter(int stored, int room)
    {
        using var cache = new RaggedCache(new CacheShape(1, 2, Dim));
        int[][] kept = [[.. Enumerable.Range(0, stored)], [0]];
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (NewDisposeScope()) cache[0].Store(RandomTensors.Make(2, stored, Dim, 1), RandomTensors.Make(2, stored, Dim, 2), kept);
        cache.Advance(stored);
        for (var t = 0; t < room; t++)
        {
            cache[0].Append(new float[2 * Dim], new float[2 * Dim]);
            cache.Advance(1);
            Assert.Equal((stored + 1 + 2 * room) * 2 * Dim * 4, cache.ReservedBytes);
        }
        Assert.Equal(before + 2, DisposeScopeManager.Statistics.ThreadTotalLiveCount);  // the buffers it left are gone
    }

    [Fact]
    public void Heads_of_different_lengths_are_no_tensor()
    {
        using var cache = new RaggedCache(new CacheShape(1, 2, Dim));
        cache[0].Store(zeros(2, 3, Dim), zeros(2, 3, Dim), new int[][] { [0, 2], [2] });
        Assert.Contains("layer 0 is ragged", Assert.Throws<InvalidOperationException>(() => cache[0].Keys()).Message);
    }

    [Fact]
    public void Shapes_and_counts_have_least_values()
    {
        using var smallest = new RaggedCache(new CacheShape(1, 1, 1));
        Assert.Equal(8, smallest.Shape.EntryBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => smallest.Advance(-1));
        smallest.Advance(0);
        Assert.Equal(0, smallest.LogicalLength);
        foreach (var none in (CacheShape[])[new(0, 1, 1), new(1, 0, 1), new(1, 1, 0)])
            Assert.Contains($"a cache of {none.Layers} layers, {none.KvHeads} heads and dimension {none.HeadDim} holds nothing", Assert.Throws<LabException>(() => new RaggedCache(none)).Message);
        Assert.Equal("weights and caches do not hold Int64: use float32, bfloat16 or float16", Assert.Throws<LabException>(() => new RaggedCache(new CacheShape(1, 1, 8, ScalarType.Int64))).Message);
        Assert.Contains("no tensor of a model is held so", Assert.Throws<ArgumentOutOfRangeException>(() => HeadKvLab.Kernels.NumberFormat.Int8.Scalar()).Message);
    }

    /// <summary>Several scorers are served by what the most demanding one wants; a piece of the prompt gives no sums over all queries, no kinds of all tokens, and no more queries than it has tokens.</summary>
    [Fact]
    public void Needs_are_united_and_a_piece_may_not_meet_them()
    {
        ScorerNeeds sums = new(3) { Sums = [AttentionSum.Received] }, kinds = new() { Kinds = true };
        Assert.Equal(new ScorerNeeds(8) { Sums = sums.Sums, Kinds = true }, new ScorerNeeds(8).Or(sums).Or(kinds));
        Assert.Equal(new ScorerNeeds(8), new ScorerNeeds(3).Or(new ScorerNeeds(8)));
        Assert.Equal((false, true, true, true), (new ScorerNeeds(8).ExceedPiece(8), new ScorerNeeds(8).ExceedPiece(7), sums.ExceedPiece(7), kinds.ExceedPiece(7)));
    }
}
