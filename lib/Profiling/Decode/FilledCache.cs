using HeadKvLab.Cache;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Decode;

/// <summary>Caches filled with random numbers: decoding takes the same time as after a real prompt, which need not be computed.</summary>
internal static class FilledCache
{
    /// <summary>The cache of a prompt, uncompressed.</summary>
    /// <param name="config">The model.</param>
    /// <param name="length">Tokens of the prompt.</param>
    /// <param name="room">Tokens to come.</param>
    /// <param name="storage">Type of the stored numbers.</param>
    internal static RaggedCache Full(ModelConfig config, int length, int room, ScalarType storage = ScalarType.Float32) =>
        Create(config, length, room, storage, _ => [.. Enumerable.Repeat(length, config.KvHeads)]);

    /// <summary>The cache of a prompt of which heads keep shares as unequal as a head-level budget makes them: many near a fifth of the mean, a few several times it.</summary>
    /// <param name="config">The model.</param>
    /// <param name="length">Tokens of the prompt.</param>
    /// <param name="kvSize">Mean entries per KV head over the model, exact.</param>
    /// <param name="room">Tokens to come.</param>
    /// <param name="storage">Type of the stored numbers.</param>
    internal static RaggedCache Ragged(ModelConfig config, int length, int kvSize, int room, ScalarType storage = ScalarType.Float32)
    {
        var counts = Skewed(config.Layers * config.KvHeads, kvSize, length);
        return Create(config, length, room, storage, layer => counts[(layer * config.KvHeads)..((layer + 1) * config.KvHeads)]);
    }

    /// <summary>Unequal whole numbers of the given mean, from a fifth of it up to the length.</summary>
    internal static int[] Skewed(int heads, int mean, int length)
    {
        var random = new Random(1);
        var least = Math.Max(1, mean / 5);
        var weights = Enumerable.Range(0, heads).Select(_ => Math.Pow(random.NextDouble(), 4)).ToArray();
        var (spare, sum) = ((long)(mean - least) * heads, weights.Sum());
        var counts = weights.Select(w => (int)Math.Min(length, least + (long)(spare * w / sum))).ToArray();
        var missing = (long)mean * heads - counts.Sum(c => (long)c);
        for (var h = 0; missing > 0; h = (h + 1) % heads)
        {
            if (counts[h] >= length) continue;
            counts[h]++;
            missing--;
        }
        return counts;
    }

    private static RaggedCache Create(ModelConfig config, int length, int room, ScalarType storage, Func<int, int[]> counts)
    {
        var cache = new RaggedCache(new CacheShape(config.Layers, config.KvHeads, config.HeadDim, storage));
        cache.Reserve(room);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            using var scope = NewDisposeScope();
            var kept = counts(layer);
            var longest = kept.Max();
            cache[layer].Store(randn(config.KvHeads, longest, config.HeadDim), randn(config.KvHeads, longest, config.HeadDim),
                Array.ConvertAll(kept, count => Enumerable.Range(longest - count, count).ToArray()));
        }
        cache.Advance(length);
        return cache;
    }
}
