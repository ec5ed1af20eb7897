using System.Collections;
using System.Reflection;
using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;
using static HeadKvLab.Tests.Cache.SomeSealed;

namespace HeadKvLab.Tests.Cache;

/// <summary>Caches of three layers, of which the last two share latent vectors in made-up directions.</summary>
internal static class SomeLatents
{
    internal const int Layers = 3, Heads = 2, Width = 2 * 2 * Heads * Dim; // numbers that two layers have of a token

    internal static readonly float[] Frequencies = [.. Enumerable.Range(0, Dim / 2).Select(i => MathF.Pow(10_000, -2f * i / Dim))];

    /// <summary>Orthonormal directions of all numbers, so that the first so many are those of a smaller rank.</summary>
    internal static LatentBasis Basis(int seed = 5)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        var directions = linalg.qr(randn([Width, Width], generator: generator)).Q.contiguous();
        return new(Layers, Heads, Dim, new LatentGroup(1, 2, Numbers(randn([Width], generator: generator)), Numbers(directions)));
    }

    internal static EntryFormat Format(int rank, int bits = 16, int recent = 8, int early = 16) => new(bits, recent, 0, early, rank) { Latents = Basis() };

    /// <summary>All layers hold so many tokens, as they arrive in a prefill.</summary>
    internal static RaggedCache Holding(int tokens, EntryFormat? format, ScalarType storage = ScalarType.Float32, Action<int, Tensor, Tensor>? change = null)
    {
        var cache = new RaggedCache(new CacheShape(Layers, Heads, Dim, storage));
        for (var layer = 0; layer < Layers; layer++)
        {
            using var scope = NewDisposeScope();
            Tensor keys = Rows(Heads, tokens, 10 + layer), values = Rows(Heads, tokens, 20 + layer);
            change?.Invoke(layer, keys, values);
            cache[layer].Append(keys, values);
            if (format is not null) cache.Seal(format, layer, null, Frequencies);
        }
        cache.Advance(tokens);
        return cache;
    }

    /// <summary>Tokens that are decoded later.</summary>
    internal static void Decode(RaggedCache cache, int tokens, int seed)
    {
        using var scope = NewDisposeScope();
        var rows = Numbers(Rows(tokens * Layers * 2, Heads, seed)); // [token, layer, keys and values, head, dim]
        const int each = Heads * Dim;
        for (var t = 0; t < tokens; t++)
        {
            for (var layer = 0; layer < Layers; layer++) cache[layer].Append(rows.AsSpan(((t * Layers) + layer) * 2 * each, each), rows.AsSpan((((t * Layers) + layer) * 2 + 1) * each, each));
            cache.Advance(1);
        }
    }

    internal static float[] Attend(RaggedCache cache, int layer, int? window = null, LatentReading reading = LatentReading.Absorbed)
    {
        using var scope = NewDisposeScope();
        var queries = Numbers(Rows(1, Heads * Group, 9));
        var output = new float[queries.Length];
        cache[layer].Reading = reading;
        cache[layer].Attend(queries, output, 0.3f, window);
        return output;
    }

    /// <summary>Bytes of the arrays and tensors that an object of the cache's room holds, each once, but for those of its format, which belong to the model.</summary>
    internal static long BytesHeld(object? root, HashSet<object>? seen = null)
    {
        seen ??= new(ReferenceEqualityComparer.Instance);
        if (root is null or EntryFormat or LatentGroup or LatentAngles || !root.GetType().IsValueType && !seen.Add(root)) return 0;
        if (root is Tensor tensor) return tensor.NumberOfElements * tensor.ElementSize;
        if (root is byte[] bytes) return bytes.Length;
        if (root is IEnumerable many and not string) return many.GetType().GetElementType() is { IsPrimitive: true } ? 0 : many.Cast<object?>().Sum(one => BytesHeld(one, seen));
        if (root.GetType().Namespace != typeof(RaggedCache).Namespace) return 0;
        return root.GetType().GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public).Where(field => !field.FieldType.IsPointer).Sum(field => BytesHeld(field.GetValue(root), seen));
    }
}
