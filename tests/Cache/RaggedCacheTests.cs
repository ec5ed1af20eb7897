using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

public sealed class RaggedCacheTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Prompt(int heads, int n, int dim, int seed)
    {
        var random = new Random(seed);
        return tensor(Enumerable.Range(0, heads * n * dim).Select(_ => random.NextSingle() - 0.5f).ToArray(), heads, n, dim);
    }

    private static float[] Numbers(Tensor t) => MemoryMarshal.Cast<byte, float>(t.to_type(ScalarType.Float32).contiguous().bytes).ToArray();

    private static float[] Row(Tensor t, int head, int position) => Numbers(t[head, position]);

    /// <summary>Attention over the given positions of a prompt, in torch: the reference path.</summary>
    private static float[] Reference(Tensor keys, Tensor values, int[][] kept, float[] queries, float scale)
    {
        var dim = (int)keys.shape[2];
        var group = queries.Length / dim / kept.Length;
        var output = new List<float>();
        for (var q = 0; q < queries.Length / dim; q++)
        {
            var head = q / group * (int)keys.shape[0] / kept.Length;
            var index = tensor(kept[q / group].Select(p => (long)p).ToArray());
            var k = keys[head].index_select(0, index);
            var v = values[head].index_select(0, index);
            var query = tensor(queries.AsSpan(q * dim, dim).ToArray(), 1, dim);
            output.AddRange(Numbers(query.mm(k.t()).mul(scale).softmax(1).mm(v)));
        }
        return [.. output];
    }

    [Theory]
    [InlineData(ScalarType.Float32, 4), InlineData(ScalarType.BFloat16, 2), InlineData(ScalarType.Float16, 2)]
    public void Bytes_are_the_formula_and_what_the_tensors_hold(ScalarType storage, int size)
    {
        using var cache = new RaggedCache(new CacheShape(2, 3, 16, storage));
        int[][] kept = [[0, 4, 9], [9], [1, 2, 3, 8, 9]];
        for (var layer = 0; layer < 2; layer++) cache[layer].Store(Prompt(3, 10, 16, 1), Prompt(3, 10, 16, 2), kept);
        cache.Advance(10);
        Assert.Equal(18, cache.Entries);
        Assert.Equal(18 * 2 * 16 * size, cache.StoredBytes);
        Assert.Equal(cache.StoredBytes, cache.ReservedBytes); // nothing but what is stored
        cache.Reserve(7);
        Assert.Equal((18 + 2 * 3 * 7) * 2 * 16 * size, cache.ReservedBytes);
        Assert.Equal(18 * 2 * 16 * size, cache.StoredBytes);
        Assert.Equal(10, cache.LogicalLength);
        Assert.Equal([1, 2, 3, 8, 9], cache[1].Positions(2).ToArray());
    }

    [Fact]
    public void Stored_and_appended_entries_attend_as_in_torch()
    {
        var (keys, values) = (Prompt(2, 30, 32, 3), Prompt(2, 30, 32, 4));
        using var cache = new RaggedCache(new CacheShape(1, 2, 32));
        int[][] kept = [[0, 3, 7, 19], [2, 19]];
        cache[0].Store(keys.narrow(1, 0, 20), values.narrow(1, 0, 20), kept);
        cache.Advance(20);
        for (var t = 20; t < 30; t++)
        {
            cache[0].Append([.. Row(keys, 0, t), .. Row(keys, 1, t)], [.. Row(values, 0, t), .. Row(values, 1, t)]);
            cache.Advance(1);
        }
        int[][] all = [[.. kept[0], .. Enumerable.Range(20, 10)], [.. kept[1], .. Enumerable.Range(20, 10)]];
        Assert.Equal(all[1], cache[0].Positions(1).ToArray());
        var queries = Numbers(Prompt(1, 4, 32, 5));
        var output = new float[queries.Length];
        cache[0].Attend(queries, output, 0.2f);
        var expected = Reference(keys, values, all, queries, 0.2f);
        for (var i = 0; i < output.Length; i++) Assert.Equal(expected[i], output[i], 1e-5);
    }

    [Fact]
    public void Order_inside_a_head_does_not_matter()
    {
        var (keys, values) = (Prompt(1, 12, 16, 6), Prompt(1, 12, 16, 7));
        var order = tensor(new long[] { 5, 3, 11, 0, 1, 2, 4, 6, 10, 8, 9, 7 });
        using var cache = new RaggedCache(new CacheShape(2, 1, 16));
        cache[0].Append(keys, values);
        cache[1].Append(keys.index_select(1, order), values.index_select(1, order));
        var queries = Numbers(Prompt(1, 2, 16, 8));
        var (a, b) = (new float[32], new float[32]);
        cache[0].Attend(queries, a, 1);
        cache[1].Attend(queries, b, 1);
        for (var i = 0; i < 32; i++) Assert.Equal(a[i], b[i], 1e-6);
    }

    [Fact]
    public void Appending_moves_and_allocates_nothing_while_there_is_room()
    {
        using var cache = new RaggedCache(new CacheShape(1, 2, 16));
        cache[0].Store(Prompt(2, 10, 16, 1), Prompt(2, 10, 16, 2), new int[][] { [1, 9], [9] });
        cache.Advance(10);
        cache.Reserve(60);
        var allocated = cache.ReservedBytes;
        var (key, value) = (new float[32], new float[32]);
        cache[0].Append(key, value);
        cache.Advance(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var t = 0; t < 50; t++)
        {
            cache[0].Append(key, value);
            cache.Advance(1);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(allocated, cache.ReservedBytes);
        for (var t = 0; t < 300; t++)
        {
            cache[0].Append(key, value);
            cache.Advance(1);
        }
        Assert.Equal([353, 352], cache[0].Counts.ToArray());
        Assert.Equal(360, cache[0].Positions(1)[^1]);
    }

    [Fact]
    public void A_chunk_extends_a_full_cache_and_shows_as_one_tensor()
    {
        var (keys, values) = (Prompt(2, 50, 8, 1), Prompt(2, 50, 8, 2));
        using var cache = new RaggedCache(new CacheShape(1, 2, 8));
        Assert.Equal([2, 0, 8], cache[0].Keys().shape);
        foreach (var (first, count) in new[] { (0, 20), (20, 29), (49, 1) })
        {
            cache[0].Append(keys.narrow(1, first, count), values.narrow(1, first, count));
            cache.Advance(count);
        }
        Assert.True(cache[0].IsUniform);
        Assert.Equal(Numbers(keys), Numbers(cache[0].Keys()));
        Assert.Equal(Numbers(values), Numbers(cache[0].Values()));
        Assert.Equal(Enumerable.Range(0, 50), cache[0].Positions(1).ToArray());
    }

    [Fact]
    public void Fewer_model_heads_serve_groups_of_the_caches_heads()
    {
        var (keys, values) = (Prompt(2, 5, 8, 1), Prompt(2, 5, 8, 2));
        using var cache = new RaggedCache(new CacheShape(1, 4, 8));
        cache[0].Store(keys, values, new int[][] { [0, 4], [4], [1, 4], [2, 4] });
        cache.Advance(5);
        cache[0].Append(Row(keys, 0, 0).Concat(Row(keys, 1, 0)).ToArray(), Row(values, 0, 0).Concat(Row(values, 1, 0)).ToArray());
        cache.Advance(1);
        var queries = Numbers(Prompt(1, 4, 8, 5));
        var output = new float[32];
        cache[0].Attend(queries, output, 0.3f);
        var expected = Reference(keys, values, [[0, 4, 0], [4, 0], [1, 4, 0], [2, 4, 0]], queries, 0.3f);
        for (var i = 0; i < output.Length; i++) Assert.Equal(expected[i], output[i], 1e-5);
    }

    [Fact]
    public void A_clone_goes_its_own_way()
    {
        using var cache = new RaggedCache(new CacheShape(1, 1, 8));
        cache[0].Append(Prompt(1, 5, 8, 1), Prompt(1, 5, 8, 2));
        cache.Advance(5);
        cache.Reserve(10);
        using var clone = cache.Clone();
        var (queries, before, after) = (Numbers(Prompt(1, 1, 8, 3)), new float[8], new float[8]);
        cache[0].Attend(queries, before, 1);
        clone[0].Append(new float[8], new float[8]);
        clone.Advance(1);
        clone.Truncate(4);
        clone[0].Append(Enumerable.Repeat(9f, 8).ToArray(), new float[8]);
        cache[0].Attend(queries, after, 1);
        Assert.Equal(before, after);
        Assert.Equal((5, 4), (cache.LogicalLength, clone.LogicalLength));
        Assert.Equal([0, 1, 2, 3, 4], cache[0].Positions(0).ToArray());
    }

    /// <summary>As many entries as before, at other positions: nothing is laid out anew, so what is shared would be overwritten.</summary>
    [Fact]
    public void A_clone_has_positions_of_its_own()
    {
        var (keys, values) = (Prompt(1, 6, 8, 1), Prompt(1, 6, 8, 2));
        using var cache = new RaggedCache(new CacheShape(1, 1, 8));
        cache[0].Store(keys, values, new int[][] { [0, 2, 5] });
        cache.Advance(6);
        using var clone = cache.Clone();
        clone[0].Store(keys, values, new int[][] { [1, 3, 4] });
        Assert.Equal([0, 2, 5], cache[0].Positions(0).ToArray());
        Assert.Equal([1, 3, 4], clone[0].Positions(0).ToArray());
        cache[0].Store(keys, values, new int[][] { [0, 1, 2] });
        Assert.Equal([1, 3, 4], clone[0].Positions(0).ToArray());
    }

    [Fact]
    public void Truncating_takes_tokens_from_every_head()
    {
        var (keys, values) = (Prompt(2, 6, 8, 1), Prompt(2, 6, 8, 2));
        using var cache = new RaggedCache(new CacheShape(1, 2, 8));
        cache[0].Store(keys, values, new int[][] { [0, 2, 5], [5] });
        cache.Advance(6);
        cache.Truncate(5);
        Assert.Equal(5, cache.LogicalLength);
        Assert.Equal([2, 0], cache[0].Counts.ToArray());
        cache[0].Append([.. Row(keys, 0, 5), .. Row(keys, 1, 5)], [.. Row(values, 0, 5), .. Row(values, 1, 5)]);
        cache.Advance(1);
        Assert.Equal([0, 2, 5], cache[0].Positions(0).ToArray());
        using var without = new RaggedCache(new CacheShape(1, 2, 8));
        without[0].Store(keys, values, new int[][] { [0, 2, 4], [5] });
        without.Advance(6);
        without.Truncate(5);                               // a head that did not keep the token has nothing to give
        Assert.Equal([3, 0], without[0].Counts.ToArray());
        without.Truncate(1);
        Assert.Equal([0], without[0].Positions(0).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => without.Truncate(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => without.Truncate(-1));
        var (bytes, place) = (cache.ReservedBytes, TensorMemory.Address(cache[0].KeysOf(0)));
        for (var again = 0; again < 200; again++) // the place it leaves is free again: nothing grows, nothing moves
        {
            cache.Truncate(5);
            cache[0].Append(new float[16], new float[16]);
            cache.Advance(1);
        }
        Assert.Equal((bytes, place), (cache.ReservedBytes, TensorMemory.Address(cache[0].KeysOf(0))));
    }

    [Fact]
    public void One_head_can_be_stored_after_the_others()
    {
        var (keys, values) = (Prompt(2, 6, 16, 1), Prompt(2, 6, 16, 2));
        using var cache = new RaggedCache(new CacheShape(1, 2, 16));
        cache[0].Store(keys, values, new int[][] { [0, 2, 5], [5] });
        cache[0].Store(1, keys[1], values[1], [1, 3, 4, 5]);
        cache.Advance(6);
        var queries = Numbers(Prompt(1, 2, 16, 5));
        var output = new float[32];
        cache[0].Attend(queries, output, 1);
        var expected = Reference(keys, values, [[0, 2, 5], [1, 3, 4, 5]], queries, 1);
        for (var i = 0; i < output.Length; i++) Assert.Equal(expected[i], output[i], 1e-5);
    }

    [Fact]
    public void A_summary_of_equal_keys_is_exact()
    {
        // positions 1..3 have the same key: keeping 0 and 4 and their summary attends like the whole prompt
        var keys = Prompt(1, 5, 8, 1);
        keys[0, 2].copy_(keys[0, 1]);
        keys[0, 3].copy_(keys[0, 1]);
        var values = Prompt(1, 5, 8, 2);
        var mean = Numbers(values.narrow(1, 1, 3).mean([1]));
        using var cache = new RaggedCache(new CacheShape(1, 1, 8));
        cache[0].Store(keys, values, new int[][] { [0, 4] }, [new MergedEntry(Row(keys, 0, 1), mean, 3)]);
        cache.Advance(5);
        Assert.Equal([-1, 0, 4], cache[0].Positions(0).ToArray());
        Assert.False(cache[0].IsUniform);
        var queries = Numbers(Prompt(1, 2, 8, 9));
        var output = new float[16];
        cache[0].Attend(queries, output, 1);
        var expected = Reference(keys, values, [[0, 1, 2, 3, 4]], queries, 1);
        for (var i = 0; i < output.Length; i++) Assert.Equal(expected[i], output[i], 1e-5);
        using var clone = cache.Clone();
        var again = new float[16];
        clone[0].Attend(queries, again, 1);
        Assert.Equal(output, again);
        Assert.False(clone[0].IsUniform);
    }

    [Fact]
    public void Tensors_outlive_the_scope_they_were_stored_in_and_leave_nothing_behind()
    {
        using var cache = new RaggedCache(new CacheShape(1, 1, 8));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (NewDisposeScope()) cache[0].Append(Prompt(1, 5, 8, 1), Prompt(1, 5, 8, 2));
        cache.Advance(5);
        var output = new float[8];
        cache[0].Attend(new float[8], output, 1);
        Assert.Equal(before + 2, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        cache.Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Impossible_shapes_are_refused()
    {
        using var cache = new RaggedCache(new CacheShape(1, 2, 8));
        var prompt = Prompt(2, 6, 8, 1);
        Assert.Throws<ArgumentException>(() => cache[0].Append(Prompt(3, 6, 8, 1), Prompt(3, 6, 8, 1)));
        Assert.Throws<ArgumentException>(() => cache[0].Append(prompt, Prompt(2, 5, 8, 1)));
        Assert.Throws<ArgumentException>(() => cache[0].Append(Prompt(2, 6, 4, 1), Prompt(2, 6, 4, 1)));
        Assert.Throws<ArgumentException>(() => cache[0].Append(new float[12], new float[12]));
        Assert.Throws<ArgumentException>(() => cache[0].Store(prompt, prompt, new int[][] { [0] }));
        Assert.Throws<ArgumentException>(() => cache[0].Store(prompt, prompt, new int[][] { [0], [3, 2] }));
        Assert.Throws<ArgumentException>(() => cache[0].Store(prompt, prompt, new int[][] { [0], [6] }));
        Assert.Throws<LabException>(() => new RaggedCache(new CacheShape(0, 1, 8)));
        Assert.Throws<LabException>(() => new RaggedCache(new CacheShape(1, 1, 8, ScalarType.Int64)));
    }
}
