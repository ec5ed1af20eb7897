using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Profiling.Machine;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Micro;

/// <summary>
/// The decode kernel over sealed blocks against bfloat16 rows of the same entries: where the entries lie in the processor's caches and where they do not,
/// and what sealing a prompt costs beside reading it.
/// </summary>
public static class FormatBenchmark
{
    private const int Entries = 8192;

    /// <summary>Runs all cases.</summary>
    /// <param name="repetitions">Alternated repetitions; medians are reported.</param>
    public static IEnumerable<Measurement> Run(int repetitions)
    {
        foreach (var (heads, group, dim, layers) in ((int, int, int, int)[])[(4, 2, 32, 1), (4, 2, 32, 48), (2, 4, 128, 1), (8, 4, 128, 8)])
            foreach (var figure in Reading(heads, group, dim, layers, repetitions)) yield return figure;
    }

    private static IEnumerable<Measurement> Reading(int heads, int group, int dim, int layers, int repetitions)
    {
        var name = $"{layers} layer{(layers == 1 ? "" : "s")} of {heads} KV heads, {group} queries each, {Entries:N0} entries, dim {dim}";
        using var scope = NewDisposeScope();
        using var rows = new RaggedCache(new CacheShape(layers, heads, dim, ScalarType.BFloat16));
        for (var layer = 0; layer < layers; layer++) rows[layer].Append(randn(heads, Entries, dim), randn(heads, Entries, dim));
        rows.Advance(Entries);
        RaggedCache[] caches = [rows, .. ((EntryFormat[])[new(8), new(4), new(2), new(16, Ratio: 0.4), new(4, Ratio: 0.4)]).Select(format => Sealed(rows, format))];
        try
        {
            var random = new Random(2);
            float[] queries = [.. Enumerable.Range(0, heads * group * dim).Select(_ => random.NextSingle() - 0.5f)], output = new float[queries.Length];
            var scale = 1 / MathF.Sqrt(dim);
            using var stream = new MemoryReader(rows.StoredBytes);
            var times = Stopwatches.Medians(repetitions, [.. caches.Select(cache => (Action)(() =>
            {
                for (var layer = 0; layer < layers; layer++) cache[layer].Attend(queries, output, scale);
            })), stream.Read]);
            var read = rows.StoredBytes / times[0] / (stream.Bytes / times[^1]);
            yield return new(name, "bfloat16, share of the rate at which memory is read", read, "1");
            for (var i = 1; i < caches.Length; i++)
            {
                var format = FormatCatalogue.Short(caches[i].Format!.Name);
                yield return new(name, $"{format}, time / bfloat16's", times[i] / times[0], "1");
                yield return new(name, $"{format}, bytes / bfloat16's", (double)caches[i].StoredBytes / rows.StoredBytes, "1");
            }
            var sealing = Stopwatches.Medians(repetitions, () => rows.Clone().Dispose(), () => Sealed(rows, new(4)).Dispose());
            yield return new(name, "sealing as int4, per entry of a head", 1e6 * (sealing[1] - sealing[0]) / ((long)layers * heads * Entries), "ns");
        }
        finally
        {
            foreach (var cache in caches[1..]) cache.Dispose();
        }
    }

    private static RaggedCache Sealed(RaggedCache rows, EntryFormat format)
    {
        var (cache, random) = (rows.Clone(), new Random(3));
        cache.Seal(format, [.. Enumerable.Range(0, rows.Shape.Layers).Select(_ => Enumerable.Range(0, rows.Shape.KvHeads * rows.Shape.HeadDim).Select(_ => random.NextDouble()).ToArray())]); // of queries
        return cache;
    }
}
