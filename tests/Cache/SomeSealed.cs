using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>Caches of one layer to seal, and what their tokens mix.</summary>
internal static class SomeSealed
{
    internal const int Dim = 32, Group = 2;

    internal static Tensor Rows(int heads, int tokens, int seed)
    {
        using var generator = new Generator((ulong)seed);
        return randn([heads, tokens, Dim], generator: generator);
    }

    internal static float[] Numbers(Tensor t) => MemoryMarshal.Cast<byte, float>(t.contiguous().bytes).ToArray();

    /// <summary>One layer whose heads keep the first so many of <paramref name="prompt"/> positions and the last.</summary>
    internal static RaggedCache Holding(int prompt, params int[] counts)
    {
        var cache = new RaggedCache(new CacheShape(1, counts.Length, Dim, ScalarType.BFloat16));
        cache[0].Store(Rows(counts.Length, prompt, 1), Rows(counts.Length, prompt, 2), [.. counts.Select(count => count == 0 ? [] : (int[])[.. Enumerable.Range(0, count - 1), prompt - 1])]);
        cache.Advance(prompt);
        return cache;
    }

    internal static void Append(RaggedCache cache, int tokens, int seed)
    {
        var heads = cache.Shape.KvHeads;
        var (keys, values) = (Numbers(Rows(tokens, heads, seed)), Numbers(Rows(tokens, heads, seed + 1)));
        for (var t = 0; t < tokens; t++)
        {
            cache[0].Append(keys.AsSpan(t * heads * Dim, heads * Dim), values.AsSpan(t * heads * Dim, heads * Dim));
            cache.Advance(1);
        }
    }

    internal static float[] Attend(RaggedCache cache, int? window = null, float[]? weights = null)
    {
        var queries = Numbers(Rows(1, cache.Shape.KvHeads * Group, 9));
        var output = new float[queries.Length];
        cache[0].Attend(queries, output, 0.3f, window, weights);
        return output;
    }
}
