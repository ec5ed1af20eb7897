using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression.Recalls;

/// <summary>A layer of stored entries, and what a token reads of it: the entries whose weight is not 0, and a softmax over them in double that knows no runs.</summary>
internal static class SomeEntries
{
    internal const float Scale = 0.3f;

    /// <summary>Stores heads of different lengths: head h keeps every entry of its rows <c>[entry][dim]</c>; values are made up.</summary>
    internal static RaggedCache Store(IRecall? recall, ScalarType type, params float[][][] keys)
    {
        var (heads, dim) = (keys.Length, keys[0][0].Length);
        var longest = keys.Max(rows => rows.Length);
        var (flat, values) = (new float[heads * longest * dim], new float[heads * longest * dim]);
        for (var h = 0; h < heads; h++)
            for (var e = 0; e < keys[h].Length; e++)
                for (var i = 0; i < dim; i++) (flat[(h * longest + e) * dim + i], values[(h * longest + e) * dim + i]) = (keys[h][e][i], MathF.Sin(17 * i + 3 * e + 5 * keys[h][0][0]));
        var cache = new RaggedCache(new CacheShape(1, heads, dim, type));
        using var scope = NewDisposeScope();
        cache[0].Store(tensor(flat, heads, longest, dim), tensor(values, heads, longest, dim), [.. keys.Select(rows => Enumerable.Range(0, rows.Length).ToArray())]);
        cache.Advance(longest);
        cache.Recall = recall;
        return cache;
    }

    internal static RaggedCache Store(IRecall? recall, params float[][][] keys) => Store(recall, ScalarType.Float32, keys);

    /// <summary>Numbers from -1 to 1, <c>[entry][dim]</c>.</summary>
    internal static float[][] Random(int entries, int dim, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, entries).Select(_ => Enumerable.Range(0, dim).Select(_ => 2 * random.NextSingle() - 1).ToArray())];
    }

    /// <summary>Appends one token with the same row in every head.</summary>
    internal static void Append(RaggedCache cache, float[] row)
    {
        float[] all = [.. Enumerable.Repeat(row, cache.Shape.KvHeads).SelectMany(one => one)];
        cache[0].Append(all, all);
        cache.Advance(1);
    }

    /// <summary>What the last stored token mixes.</summary>
    internal static float[] Attend(RaggedCache cache, float[] queries, int? sliding = null)
    {
        var output = new float[queries.Length];
        cache[0].Attend(queries, output, Scale, sliding);
        return output;
    }

    /// <summary>The entries that each query head reads; what it mixes must be their softmax.</summary>
    internal static int[][] Read(RaggedCache cache, float[] queries, int? sliding = null)
    {
        var (dim, output) = (cache.Shape.HeadDim, new float[queries.Length]);
        var (queryHeads, group) = (queries.Length / dim, queries.Length / dim / cache.Shape.KvHeads);
        var weights = new float[cache[0].WeightsOf(queryHeads)];
        Array.Fill(weights, -1);
        cache[0].Attend(queries, output, Scale, sliding, weights);
        var seen = new StepWeights(weights, cache[0].Counts, group);
        var read = new int[queryHeads][];
        for (var q = 0; q < queryHeads; q++)
        {
            var row = seen[q].ToArray();
            read[q] = [.. Enumerable.Range(0, row.Length).Where(e => row[e] != 0)];
            Assert.Equal(1, row.Sum(), 1e-4);
            var (k, v) = (Rows(cache[0].KeysOf(q / group)), Rows(cache[0].ValuesOf(q / group)));
            var logits = read[q].Select(e => (double)Scale * Dot(queries.AsSpan(q * dim, dim), k[e]) + (e == 0 ? cache[0].BiasOf(q / group) : 0)).ToArray();
            var sum = logits.Sum(x => Math.Exp(x - logits.Max()));
            for (var i = 0; i < dim; i++) Assert.Equal(read[q].Select((e, at) => Math.Exp(logits[at] - logits.Max()) / sum * v[e][i]).Sum(), output[q * dim + i], 1e-4);
        }
        return read;
    }

    internal static float[][] Rows(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var dim = (int)rows.shape[1];
        return [.. rows.to(ScalarType.Float32).contiguous().data<float>().ToArray().Chunk(dim)];
    }

    internal static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}
