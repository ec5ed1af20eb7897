using HeadKvLab.Cache;
using HeadKvLab.Tests.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>The copy for decoding by tensor operations: which heads share a tensor, what that costs, and that it attends as the source does.</summary>
public sealed class GroupedCacheTests : IDisposable
{
    private const int Dim = 8;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Heads that keep their first <c>counts[layer][head]</c> positions of a prompt.</summary>
    private static RaggedCache Filled(params int[][] counts)
    {
        var (heads, tokens) = (counts[0].Length, counts.Max(layer => layer.Max()));
        var cache = new RaggedCache(new CacheShape(counts.Length, heads, Dim));
        for (var layer = 0; layer < counts.Length; layer++)
            cache[layer].Store(RandomTensors.Make(heads, tokens, Dim, layer), RandomTensors.Make(heads, tokens, Dim, 10 + layer), [.. counts[layer].Select(n => Enumerable.Range(0, n).ToArray())]);
        cache.Advance(tokens);
        return cache;
    }

    /// <summary>
    /// Layer 0: 40, 16, 33, 32 fall into 16 and 32 (twice the shortest) and 33 and 40. Layer 1: all have at most 2 x 16 entries, below which a group is not divided.
    /// Padded to the longest head and 3 more tokens, that is 2 x (32 + 3) + 2 x (40 + 3) + 4 x (32 + 3) = 296 entries of 2 x 8 numbers.
    /// </summary>
    [Theory]
    [InlineData(ScalarType.Float32, 4), InlineData(ScalarType.BFloat16, 2)]
    public void A_groups_longest_head_is_at_most_twice_its_shortest(ScalarType type, int size)
    {
        using var source = Filled([40, 16, 33, 32], [1, 32, 5, 16]);
        using var grouped = new GroupedCache(source, CPU, type, 3);
        Assert.Equal((2, 1), (grouped.GroupsIn(0), grouped.GroupsIn(1)));
        Assert.Equal(296 * 2 * Dim * size, grouped.ReservedBytes);
        using var one = Filled([16, 33, 32, 40], [1, 33, 17, 35]);
        using var apart = new GroupedCache(one, CPU, type, 3);
        Assert.Equal((2, 2), (apart.GroupsIn(0), apart.GroupsIn(1)));
    }

    [Fact]
    public void Attends_as_the_source_with_each_token()
    {
        using var source = Filled([40, 16, 33, 32], [1, 32, 5, 16]);
        using var grouped = new GroupedCache(source, CPU, ScalarType.Float32, 3);
        var expected = new float[8 * Dim];
        for (var token = 0; token < 3; token++)
        {
            Tensor keys = RandomTensors.Make(1, 4, Dim, 20 + token)[0], values = RandomTensors.Make(1, 4, Dim, 30 + token)[0], queries = RandomTensors.Make(1, 8, Dim, 40 + token)[0];
            for (var layer = 0; layer < 2; layer++)
            {
                source[layer].Append(keys.data<float>().ToArray(), values.data<float>().ToArray());
                grouped.Append(layer, keys, values);
                foreach (var window in (int?[])[null, 2, 12, 30])
                {
                    source[layer].Attend(queries.data<float>().ToArray(), expected, 0.3f, window);
                    var found = grouped.Attend(layer, queries, 0.3f, window).data<float>().ToArray();
                    for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], 1e-5f);
                }
            }
            source.Advance(1);
            grouped.Advance();
        }
        var full = Assert.Throws<InvalidOperationException>(() => grouped.Append(1, zeros(4, Dim), zeros(4, Dim)));
        Assert.Contains("layer 1: the cache has no room left", full.Message);
    }

    [Fact]
    public void Room_for_one_token_is_the_least()
    {
        using var source = Filled([2, 3]);
        using (var grouped = new GroupedCache(source, CPU, ScalarType.Float32, 1)) Assert.Equal(2 * (3 + 1) * 2 * Dim * 4, grouped.ReservedBytes);
        Assert.Contains("room for 0 more tokens", Assert.Throws<LabException>(() => new GroupedCache(source, CPU, ScalarType.Float32, 0)).Message);
    }

    /// <summary>It fails at the first layer, when the second has no groups yet: the error stays the one that was thrown.</summary>
    [Fact]
    public void Copying_a_disposed_cache_of_several_layers_says_so()
    {
        var source = Filled([2, 3], [2, 3]);
        source.Dispose();
        Assert.Throws<ObjectDisposedException>(() => new GroupedCache(source, CPU, ScalarType.Float32, 1));
    }
}
