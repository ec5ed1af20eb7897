using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Micro;

/// <summary>One layer's attention that reads what a recall chooses, against reading all of it: time and bytes of a token, and the index that the first token makes.</summary>
public static class RecallBenchmark
{
    private const int Heads = 8, Group = 4, Dim = 128;

    /// <summary>Runs all cases.</summary>
    /// <param name="repetitions">Alternated repetitions; medians are reported.</param>
    public static IEnumerable<Measurement> Run(int repetitions)
    {
        foreach (var entries in (int[])[2048, 8192, 32768])
            foreach (var figure in At(entries, repetitions)) yield return figure;
    }

    private static IEnumerable<Measurement> At(int entries, int repetitions)
    {
        string[] names = ["Recent budget=512 full-layers=0", "Quest budget=512 full-layers=0", "Quest budget=512 full-layers=0 choice=kv-head", "ClusterKV budget=512 full-layers=0", "ClusterKV budget=512 full-layers=0 choice=kv-head", "Exact budget=512 full-layers=0"];
        var name = $"1 layer of {Heads} KV heads, {Group} queries each, {entries:N0} entries, dim {Dim}, bfloat16";
        using var scope = NewDisposeScope();
        using var all = new RaggedCache(new CacheShape(1, Heads, Dim, ScalarType.BFloat16));
        all[0].Append(randn(Heads, entries, Dim), randn(Heads, entries, Dim));
        all.Advance(entries);
        var random = new Random(2);
        float[] queries = [.. Enumerable.Range(0, Heads * Group * Dim).Select(_ => random.NextSingle() - 0.5f)], output = new float[queries.Length];
        RaggedCache[] caches = [all, .. names.Select(recall => { var cache = all.Clone(); cache.Recall = RecallCatalogue.Parse(recall); return cache; })];
        try
        {
            var indexed = caches.Select(cache => Time(() => Attend(cache))).ToArray();
            var times = Stopwatches.Medians(repetitions, [.. caches.Select(cache => (Action)(() => Attend(cache)))]);
            yield return new(name, "all: time", times[0] * 1000, "us");
            for (var i = 1; i < caches.Length; i++)
            {
                var shown = RecallCatalogue.Short(caches[i].Recall!.Name).Replace(" full-layers=0", "", StringComparison.Ordinal);
                yield return new(name, $"{shown}: time / all", times[i] / times[0], "1");
                yield return new(name, $"{shown}: bytes / all", (double)caches[i].TouchedBytes / caches[i].AttendedTokens / all.StoredBytes, "1");
                if (caches[i].RecallBytes > 0) yield return new(name, $"{shown}: index, by the first token", indexed[i], "ms");
            }
        }
        finally
        {
            foreach (var cache in caches[1..]) cache.Dispose();
        }

        void Attend(RaggedCache cache) => cache[0].Attend(queries, output, 1 / MathF.Sqrt(Dim));
    }

    private static double Time(Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
