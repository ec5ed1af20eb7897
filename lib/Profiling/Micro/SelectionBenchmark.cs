using HeadKvLab.Cache;
using HeadKvLab.Compression;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Micro;

/// <summary>Choosing entries: the radix search against sorting and against the tensor library's top-k, and a whole layer's eviction.</summary>
public static class SelectionBenchmark
{
    /// <summary>Runs all cases.</summary>
    /// <param name="repetitions">Alternated repetitions; medians are reported.</param>
    public static IEnumerable<Measurement> Run(int repetitions)
    {
        foreach (var n in new[] { 2048, 8192, 32768 })
            foreach (var figure in OneHead(n, repetitions)) yield return figure;
        foreach (var n in new[] { 2048, 8192 })
            foreach (var figure in OneLayer(n, repetitions)) yield return figure;
    }

    private static IEnumerable<Measurement> OneHead(int n, int repetitions)
    {
        using var scope = NewDisposeScope();
        var random = new Random(3);
        var scores = Enumerable.Range(0, n).Select(_ => (float)Math.Exp(-12 * random.NextDouble())).ToArray();
        new Pooling().Apply(scores);
        var (chosen, sorted, order) = (new int[n], new float[n], new int[n]);
        var asTensor = tensor(scores);
        var times = Stopwatches.Medians(repetitions,
            () => Selection.Best(scores, 120, chosen),
            () =>
            {
                scores.CopyTo(sorted, 0);
                for (var j = 0; j < n; j++) order[j] = j;
                Array.Sort(sorted, order);
            },
            () =>
            {
                using var step = NewDisposeScope();
                _ = asTensor.topk(120);
            });
        var name = $"120 of {n:N0} positions";
        yield return new(name, "radix search", times[0] * 1000, "us");
        yield return new(name, "sort of all / radix search", times[1] / times[0], "1");
        yield return new(name, "top-k of the tensor library / radix search", times[2] / times[0], "1");
    }

    private static IEnumerable<Measurement> OneLayer(int n, int repetitions)
    {
        const int kvHeads = 8, queryHeads = 32, dim = 128;
        using var scope = NewDisposeScope();
        var prompt = new LayerView(0, randn(kvHeads, n, dim), randn(kvHeads, n, dim), randn(queryHeads, 8, dim), 1 / MathF.Sqrt(dim));
        var names = new[] { "StreamingLLM", "SnapKV", "Ada-SnapKV" };
        var rivals = Array.ConvertAll(names, name => (Action)(() => Evict(Catalogue.Find(name).Create(), prompt)));
        var times = Stopwatches.Medians(repetitions, rivals);
        for (var m = 0; m < names.Length; m++)
            yield return new($"a layer of {n:N0} tokens, {kvHeads} KV and {queryHeads} query heads", $"scoring, choosing and storing, {names[m]}", times[m], "ms");
    }

    private static void Evict(Method method, in LayerView prompt)
    {
        using var compressor = new Compressor(method, new Budget(128), new CacheShape(1, (int)prompt.Keys.shape[0], (int)prompt.Keys.shape[2]), (int)prompt.Queries.shape[0]);
        compressor.Accept(prompt);
    }
}
