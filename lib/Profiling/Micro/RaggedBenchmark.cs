using HeadKvLab.Cache;
using HeadKvLab.Profiling.Machine;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Micro;

/// <summary>
/// The ragged decode kernel against five formulations of the same attention in tensor operations, against uniform heads of the same
/// bytes, and against the rate at which the same threads read memory.
/// </summary>
public static class RaggedBenchmark
{
    private const int Dim = 128;

    /// <summary>Runs all cases.</summary>
    /// <param name="repetitions">Alternated repetitions; medians are reported.</param>
    public static IEnumerable<Measurement> Run(int repetitions)
    {
        foreach (var figure in AgainstTensors("32 heads, 1 query each, mean 128 entries, skewed", Skewed(32, 128), 1, repetitions)) yield return figure;
        foreach (var figure in AgainstTensors("8 KV heads, 4 queries each, 1 to 8,192 entries", Spread(8, 8192), 4, repetitions)) yield return figure;
        foreach (var figure in HandingOver("32 heads, 1 query each, mean 128 entries, skewed", Skewed(32, 128), 1, repetitions)) yield return figure;
        foreach (var figure in HandingOver("8 KV heads, 4 queries each, mean 512 entries, skewed", Skewed(8, 512), 4, repetitions)) yield return figure;
        foreach (var figure in AgainstMemory(1, repetitions)) yield return figure;
        foreach (var figure in AgainstMemory(4, repetitions)) yield return figure;
    }

    private static IEnumerable<Measurement> AgainstTensors(string name, int[] counts, int group, int repetitions)
    {
        using var scope = NewDisposeScope();
        using var nograd = no_grad();
        using var ragged = Filled(counts, ScalarType.Float32);
        using var uniform = Filled(Enumerable.Repeat(counts.Sum() / counts.Length, counts.Length).ToArray(), ScalarType.Float32);
        using var half = Filled(counts, ScalarType.BFloat16);
        var queries = Numbers(counts.Length * group * Dim);
        var output = new float[queries.Length];
        var rivals = new TensorFormulations(counts, group, Dim);
        var scale = 1 / MathF.Sqrt(Dim);
        var times = Stopwatches.Medians(repetitions,
            () => ragged[0].Attend(queries, output, scale),
            () => half[0].Attend(queries, output, scale),
            () => uniform[0].Attend(queries, output, scale),
            () => rivals.Padded().Dispose(), () => rivals.PerHead().Dispose(), () => rivals.Segments().Dispose(), () => rivals.Fused().Dispose(), () => rivals.FusedInGroups().Dispose());
        yield return new(name, "time, float32", times[0] * 1000, "us");
        yield return new(name, "time, bfloat16", times[1] * 1000, "us");
        yield return new(name, "ragged / uniform of the same bytes", times[0] / times[2], "1");
        yield return new(name, "padded and masked tensors / kernel", times[3] / times[0], "1");
        yield return new(name, "loop over heads in tensors / kernel", times[4] / times[0], "1");
        yield return new(name, "segment operations on tensors / kernel", times[5] / times[0], "1");
        yield return new(name, "fused attention, padded and masked / kernel", times[6] / times[0], "1");
        yield return new(name, "fused attention in four groups of similar heads / kernel", times[7] / times[0], "1");
        yield return new(name, "best tensors / kernel", times[3..8].Min() / times[0], "1");
    }

    /// <summary>What it costs that somebody wants the attention weights, or that they are added up beside the entries, as methods want it that choose again while text is generated.</summary>
    private static IEnumerable<Measurement> HandingOver(string name, int[] counts, int group, int repetitions)
    {
        using var scope = NewDisposeScope();
        using var cache = Filled(counts, ScalarType.BFloat16);
        var queries = Numbers(counts.Length * group * Dim);
        var (output, weights, scale) = (new float[queries.Length], new float[cache[0].WeightsOf(counts.Length * group)], 1 / MathF.Sqrt(Dim));
        var sum = new StepSum(AttentionSum.Received, 0);
        cache[0].ReserveMarks(group);
        var times = Stopwatches.Medians(repetitions,
            () => cache[0].Attend(queries, output, scale),
            () => cache[0].Attend(queries, output, scale, null, weights),
            () => cache[0].Attend(queries, output, scale, null, weights, sum));
        yield return new(name, "bfloat16, weights handed over / not", times[1] / times[0], "1");
        yield return new(name, "bfloat16, weights added up / not", times[2] / times[0], "1");
    }

    /// <summary>Reads caches far larger than the processor's, layer after layer, as decoding does.</summary>
    private static IEnumerable<Measurement> AgainstMemory(int group, int repetitions)
    {
        const int layers = 24, heads = 8;
        var name = $"{layers} layers of {heads} KV heads, {group} quer{(group == 1 ? "y" : "ies")} each, mean 2,048 entries, out of cache";
        using var scope = NewDisposeScope();
        var counts = Skewed(heads, 2048);
        using var single = Filled(counts, ScalarType.Float32, layers);
        using var half = Filled(counts, ScalarType.BFloat16, layers);
        var queries = Numbers(heads * group * Dim);
        var output = new float[queries.Length];
        var scale = 1 / MathF.Sqrt(Dim);
        using var stream = new MemoryReader(single.StoredBytes);
        var times = Stopwatches.Medians(repetitions,
            () => { for (var l = 0; l < layers; l++) single[l].Attend(queries, output, scale); },
            () => { for (var l = 0; l < layers; l++) half[l].Attend(queries, output, scale); },
            stream.Read);
        var rate = stream.Bytes / times[2] / 1e6;
        yield return new(name, "streaming read, the same threads", rate, "GB/s");
        yield return new(name, "kernel, float32", single.StoredBytes / times[0] / 1e6, "GB/s");
        yield return new(name, "share of streaming, float32", single.StoredBytes / times[0] / 1e6 / rate, "1");
        yield return new(name, "kernel, bfloat16", half.StoredBytes / times[1] / 1e6, "GB/s");
        yield return new(name, "bfloat16 faster than float32", times[0] / times[1], "1");
    }

    /// <summary>Lengths as a head-level budget deals them: many short heads, a few long ones.</summary>
    private static int[] Skewed(int heads, int mean)
    {
        var random = new Random(1);
        var weights = Enumerable.Range(0, heads).Select(_ => Math.Exp(3 * random.NextDouble())).ToArray();
        var total = weights.Sum();
        return [.. weights.Select(w => Math.Max(8, (int)(w / total * mean * heads)))];
    }

    /// <summary>Lengths that double from 1 to <paramref name="longest"/>.</summary>
    private static int[] Spread(int heads, int longest) =>
        [.. Enumerable.Range(0, heads).Select(h => (int)Math.Round(Math.Pow(longest, h / (heads - 1.0))))];

    private static RaggedCache Filled(int[] counts, ScalarType storage, int layers = 1)
    {
        var cache = new RaggedCache(new CacheShape(layers, counts.Length, Dim, storage));
        var longest = counts.Max();
        using var scope = NewDisposeScope();
        var (keys, values) = (randn(counts.Length, longest, Dim), randn(counts.Length, longest, Dim));
        var kept = Array.ConvertAll(counts, count => Enumerable.Range(longest - count, count).ToArray());
        for (var layer = 0; layer < layers; layer++) cache[layer].Store(keys, values, kept);
        cache.Advance(longest);
        return cache;
    }

    private static float[] Numbers(int count)
    {
        var random = new Random(2);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }
}
