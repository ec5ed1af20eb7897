using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Micro;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Decode;

/// <summary>
/// Time of one decoding step: over the length of the full cache, and over the context length with the full cache and with a compressed
/// one. What is compared alternates in one run; figures are medians.
/// </summary>
public sealed class DecodeBenchmark : IDisposable
{
    private const int FewSteps = 8, ManySteps = 400;
    private const double SliceSeconds = 0.15, WarmUpSeconds = 0.7;   // the compiler's last tier comes after the first calls and a tenth of a second

    private readonly Decoder _decoder;
    private readonly DecodeStep _step, _narrow;
    private readonly string _name;
    private readonly int _repetitions;
    private bool _warm;

    /// <summary>Prepares a model.</summary>
    /// <param name="name">Its name in the figures.</param>
    /// <param name="decoder">The model; its positions must reach the longest cache.</param>
    /// <param name="repetitions">Alternated repetitions; medians are reported.</param>
    public DecodeBenchmark(string name, Decoder decoder, int repetitions)
    {
        if (repetitions < 1) throw new LabException($"--repetitions {repetitions}: give at least 1");
        (_name, _decoder, _repetitions, _step, _narrow) = (name, decoder, repetitions, new DecodeStep(decoder), new DecodeStep(decoder, DecodePrecision.Int8));
    }

    /// <summary>Frees the weights made for decoding; the model stays.</summary>
    public void Dispose()
    {
        _step.Dispose();
        _narrow.Dispose();
    }

    private ModelConfig Config => _decoder.Config;

    /// <summary>Times a step over the length of the full cache, with the weights as loaded and with 8-bit weights.</summary>
    /// <param name="lengths">Entries the cache holds before the first step.</param>
    /// <param name="storage">Type of the cache's numbers: float32 or bfloat16.</param>
    public IEnumerable<Measurement> OverLength(IReadOnlyList<int> lengths, ScalarType storage = ScalarType.Float32)
    {
        var kind = storage == ScalarType.BFloat16 ? ", cache in bfloat16" : "";
        foreach (var length in lengths)
        {
            var name = $"{_name}, {length:N0} entries{kind}";
            using var cache = FilledCache.Full(Config, length, ManySteps, storage);
            var steps = StepsWorthTiming(cache);
            var (here, narrow) = (new double[_repetitions], new double[_repetitions]);
            var allocated = 0L;
            for (var r = 0; r < _repetitions; r++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                here[r] = Milliseconds(cache, steps);
                allocated = Math.Max(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
                narrow[r] = Milliseconds(_narrow, cache, steps);
            }
            yield return new(name, "time per token", Stopwatches.Median(here), "ms");
            yield return new(name, "bytes moved per second", Moved(cache) / Stopwatches.Median(here) / 1e6, "GB/s");
            yield return new(name, "managed bytes allocated per token", allocated / (double)steps, "B");
            yield return new(name, "time per token, 8-bit weights", Stopwatches.Median(narrow), "ms");
        }
    }

    /// <summary>Times prefills; each prompt is read once before it is timed.</summary>
    /// <param name="prompts">Prompt lengths, tokens.</param>
    public IEnumerable<Measurement> OverPrompt(IReadOnlyList<int> prompts)
    {
        foreach (var length in prompts)
        {
            int[] ids = [.. Enumerable.Range(0, length).Select(i => i % 100)];
            Prefill(ids);
            yield return new($"{_name}, prompt of {length:N0}", "prefill", Stopwatches.Median([.. Enumerable.Range(0, _repetitions).Select(_ => Prefill(ids))]), "ms");
        }
    }

    private double Prefill(int[] ids)
    {
        var start = Stopwatch.GetTimestamp();
        _decoder.Prefill(ids).Dispose();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>Times a compressed cache and the full one over the context length.</summary>
    /// <param name="contexts">Context lengths, ascending.</param>
    /// <param name="kvSize">Mean entries per KV head of the compressed cache.</param>
    public IEnumerable<Measurement> OverContext(IReadOnlyList<int> contexts, int kvSize)
    {
        var full = contexts.Select(n => FilledCache.Full(Config, n, ManySteps)).ToArray();
        var small = contexts.Select(n => FilledCache.Ragged(Config, n, Math.Min(n, kvSize), ManySteps)).ToArray();
        var caches = full.Concat(small).ToArray();
        try
        {
            var steps = Array.ConvertAll(caches, StepsWorthTiming);
            var times = Array.ConvertAll(caches, _ => new double[_repetitions]);
            for (var r = 0; r < _repetitions; r++)
                for (var c = 0; c < caches.Length; c++) times[c][r] = Milliseconds(caches[c], steps[c]);
            var medians = Array.ConvertAll(times, Stopwatches.Median);
            for (var i = 0; i < contexts.Count; i++)
            {
                var name = $"{_name}, context {contexts[i]:N0}";
                var (whole, kept) = (medians[i], medians[contexts.Count + i]);
                yield return new(name, "full cache, time per token", whole, "ms");
                yield return new(name, $"KV size {kvSize}, time per token", kept, "ms");
                yield return new(name, $"KV size {kvSize}, time over that at {contexts[0]:N0}", kept / medians[contexts.Count], "1");
                yield return new(name, "full / compressed, time", whole / kept, "1");
                yield return new(name, "full / compressed, bytes moved", (double)Moved(full[i]) / Moved(small[i]), "1");
                yield return new(name, "full cache, bytes moved per second", Moved(full[i]) / whole / 1e6, "GB/s");
            }
        }
        finally
        {
            foreach (var cache in caches) cache.Dispose();
        }
    }

    /// <summary>Times decoding alone and beside threads that keep every core busy. With twice as many threads as cores half the rate is fair; kernels that spin and wait lose far more.</summary>
    /// <param name="length">Entries the cache holds.</param>
    public IEnumerable<Measurement> UnderLoad(int length)
    {
        using var cache = FilledCache.Full(Config, length, ManySteps);
        var steps = StepsWorthTiming(cache);
        var (alone, beside) = (new double[_repetitions], new double[_repetitions]);
        for (var r = 0; r < _repetitions; r++)
        {
            alone[r] = Milliseconds(cache, steps);
            var busy = true;
            var rivals = Enumerable.Range(0, KernelThreads.Count).Select(_ => new Thread(() => { while (Volatile.Read(ref busy)) Thread.SpinWait(1000); })).ToArray();
            foreach (var rival in rivals) rival.Start();
            beside[r] = Milliseconds(cache, steps);
            Volatile.Write(ref busy, false);
            foreach (var rival in rivals) rival.Join();
        }
        yield return new($"{_name}, {length:N0} entries", $"rate beside {KernelThreads.Count} busy threads over the rate alone", Stopwatches.Median(alone) / Stopwatches.Median(beside), "1");
    }

    /// <summary>Bytes that one step reads: weights and entries.</summary>
    private long Moved(RaggedCache cache) => _step.WeightBytes + cache.StoredBytes;

    private int StepsWorthTiming(RaggedCache cache)
    {
        var start = Stopwatch.GetTimestamp();
        do Milliseconds(cache, FewSteps);
        while (!_warm && Stopwatch.GetElapsedTime(start).TotalSeconds < WarmUpSeconds);
        _warm = true;
        return Math.Clamp((int)(SliceSeconds * 1e3 / Milliseconds(cache, FewSteps)), FewSteps, ManySteps);
    }

    /// <summary>Milliseconds a step of some steps, which are taken back afterwards.</summary>
    private double Milliseconds(RaggedCache cache, int steps) => Milliseconds(_step, cache, steps);

    private static double Milliseconds(DecodeStep step, RaggedCache cache, int steps)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < steps; i++) step.Run(i % 100, cache);
        var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds / steps;
        cache.Truncate(cache.LogicalLength - steps);
        return time;
    }
}
