using HeadKvLab.Cache;
using HeadKvLab.Tests.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>Entries that are dropped later: what stays attends as if only it had ever been stored, appends go on, and memory comes back.</summary>
public sealed class RetainTests
{
    private const int Dim = 16;

    public static TheoryData<ScalarType> Types => [ScalarType.Float32, ScalarType.BFloat16];

    [Theory]
    [MemberData(nameof(Types))]
    public void What_stays_is_what_would_have_been_stored(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (keys, values) = (RandomTensors.Make(3, 40, Dim, 1), RandomTensors.Make(3, 40, Dim, 2));
        int[] all = [.. Enumerable.Range(0, 40)];
        int[][] kept = [[0, 3, 7, 39], [.. all.Where(p => p % 2 == 1)], all];
        using var cache = Stored(type, keys, values, [all, all, all]);
        using var fresh = Stored(type, keys, values, kept);
        for (var h = 0; h < 3; h++) cache[0].Retain(h, kept[h]);
        Same(fresh, cache);
        var bytes = cache.ReservedBytes;
        cache.Trim();
        Same(fresh, cache);
        Assert.True(cache.ReservedBytes < bytes * 2 / 3, $"{cache.ReservedBytes} of {bytes} bytes are left");
        Assert.Equal(fresh.StoredBytes, cache.StoredBytes);
        foreach (var token in Enumerable.Range(40, 200))
            foreach (var one in new[] { fresh, cache })
            {
                one[0].Append([.. Enumerable.Repeat(MathF.Sin(token), 3 * Dim)], [.. Enumerable.Repeat(MathF.Cos(token), 3 * Dim)]);
                one.Advance(1);
            }
        Same(fresh, cache);
    }

    /// <summary>Heads of equal lengths that lie unequally far apart are no one tensor until they are moved together.</summary>
    [Fact]
    public void Views_know_where_heads_lie()
    {
        using var scope = NewDisposeScope();
        var (keys, values) = (RandomTensors.Make(3, 6, Dim, 1), RandomTensors.Make(3, 6, Dim, 2));
        using var cache = Stored(ScalarType.Float32, keys, values, [[0, 1, 2, 3, 4], [1, 3], [2, 5]]);
        cache[0].Retain(0, [0, 4]);
        Assert.False(cache[0].IsUniform);
        cache.Trim();
        Assert.True(cache[0].IsUniform);
        Assert.Equal(keys[0][4].data<float>().ToArray(), cache[0].Keys()[0][1].data<float>().ToArray());
        Assert.Equal(keys[2][5].data<float>().ToArray(), cache[0].Keys()[2][1].data<float>().ToArray());
    }

    /// <summary>An entry that stands for others keeps its weight while it stays, and takes it along when it goes.</summary>
    [Fact]
    public void A_merged_entry_goes_with_its_bias()
    {
        using var scope = NewDisposeScope();
        var (keys, values) = (RandomTensors.Make(1, 6, Dim, 1), RandomTensors.Make(1, 6, Dim, 2));
        using var cache = new RaggedCache(new CacheShape(1, 1, Dim));
        cache[0].Store(keys, values, new int[][] { [1, 4, 5] }, [new(new float[Dim], new float[Dim], 3)]);
        cache.Advance(6);
        using var without = cache.Clone();
        cache[0].Retain(0, [0, 2]);
        Assert.Equal([-1, 4], cache[0].Positions(0).ToArray());
        Assert.Equal(MathF.Log(3), cache[0].BiasOf(0));
        without[0].Retain(0, [1, 3]);
        Assert.Equal([1, 5], without[0].Positions(0).ToArray());
        Assert.Equal(0, without[0].BiasOf(0));
    }

    [Fact]
    public void Impossible_indices_are_refused_and_nothing_is_lost()
    {
        using var scope = NewDisposeScope();
        using var cache = Stored(ScalarType.Float32, RandomTensors.Make(1, 4, Dim, 1), RandomTensors.Make(1, 4, Dim, 2), [[0, 1, 3]]);
        foreach (var wrong in new int[][] { [1, 1], [2, 0], [3], [-1], [0, 1, 2, 3] })
            Assert.Contains("head 0: entry", Assert.Throws<ArgumentException>(() => cache[0].Retain(0, wrong)).Message);
        Assert.Equal([0, 1, 3], cache[0].Positions(0).ToArray());
        cache[0].Retain(0, []);
        Assert.Contains("holds no entries", Assert.Throws<InvalidOperationException>(() => cache[0].Attend(new float[Dim], new float[Dim], 1)).Message);
    }

    private static RaggedCache Stored(ScalarType type, Tensor keys, Tensor values, int[][] kept)
    {
        var cache = new RaggedCache(new CacheShape(1, kept.Length, Dim, type));
        cache[0].Store(keys, values, kept);
        cache.Advance((int)keys.shape[1]);
        return cache;
    }

    private static void Same(RaggedCache expected, RaggedCache found)
    {
        float[] queries = [.. Enumerable.Range(0, 6 * Dim).Select(i => MathF.Sin(i))], one = new float[queries.Length], other = new float[queries.Length];
        foreach (int? window in new int?[] { null, 9 })
        {
            expected[0].Attend(queries, one, 0.25f, window);
            found[0].Attend(queries, other, 0.25f, window);
            Assert.Equal(one, other);
        }
        Assert.Equal(expected[0].Counts.ToArray(), found[0].Counts.ToArray());
        for (var h = 0; h < expected.Shape.KvHeads; h++) Assert.Equal(expected[0].Positions(h).ToArray(), found[0].Positions(h).ToArray());
    }
}
