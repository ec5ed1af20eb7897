using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Decode;

/// <summary>
/// Time of one decoding step: beside the same model in Python's torch, and over the context length with the full cache and with a
/// compressed one. Rivals alternate in one run; figures are medians.
/// </summary>
public sealed class DecodeBenchmark
{
    private const int FewSteps = 8, ManySteps = 400;
    private const double SliceSeconds = 0.15;

    /// <summary>How the peer multiplies a matrix with one row: as torch.nn.Linear does, and by the product that is fastest in float32.</summary>
    private static readonly PeerProduct[] Wide = [new("linear", "linear float32"), new("mv", "mv float32")];

    /// <summary>The same in bfloat16, whose activations are rounded before each product: faster than widened weights, and less exact than what runs here.</summary>
    private static readonly PeerProduct[] Narrow = [new("linear in bfloat16", "linear bfloat16"), new("mv in bfloat16", "mv bfloat16")];

    /// <summary>Query rows of a block of the peer's attention.</summary>
    private static readonly int[] Chunks = [128, 256, 512];

    private readonly Decoder _decoder;
    private readonly DecodeStep _step, _narrow;
    private readonly string _name;
    private readonly int _repetitions;
    private readonly PeerProduct[] _products;

    private readonly record struct PeerProduct(string Name, string Request);

    /// <summary>Prepares a model.</summary>
    /// <param name="name">Its name in the figures.</param>
    /// <param name="decoder">The model; its positions must reach the longest cache.</param>
    /// <param name="repetitions">Alternated repetitions; medians are reported.</param>
    /// <param name="stored">Type of the checkpoint's matrices: beside a bfloat16 one the peer may multiply in bfloat16 too.</param>
    public DecodeBenchmark(string name, Decoder decoder, int repetitions, ScalarType stored = ScalarType.Float32)
    {
        if (repetitions < 1) throw new LabException($"--repetitions {repetitions}: give at least 1");
        (_name, _decoder, _repetitions, _step, _narrow) = (name, decoder, repetitions, new DecodeStep(decoder), new DecodeStep(decoder, DecodePrecision.Int8));
        _products = stored == ScalarType.BFloat16 ? [.. Wide, .. Narrow] : Wide;
    }

    private ModelConfig Config => _decoder.Config;

    /// <summary>Times the full cache here and in the peer.</summary>
    /// <param name="lengths">Entries the cache holds before the first step.</param>
    /// <param name="peer">A peer_decode.py that loaded the same model; null to time this side alone.</param>
    /// <param name="storage">Type of the cache's numbers, the same on both sides: float32 or bfloat16.</param>
    public IEnumerable<Measurement> BesidePeer(IReadOnlyList<int> lengths, PythonPeer? peer, ScalarType storage = ScalarType.Float32)
    {
        var kind = storage == ScalarType.BFloat16 ? ", cache in bfloat16" : "";
        if (peer is not null)
        {
            peer.Ask($"use {Wide[1].Request}");
            peer.Ask("cache float32");
            yield return new(_name + kind, "greedy tokens equal to the peer's, of 24", SameTokens(peer), "tokens");
            peer.Ask($"cache {(storage == ScalarType.BFloat16 ? "bfloat16" : "float32")}");
        }
        foreach (var length in lengths)
        {
            var name = $"{_name}, {length:N0} entries{kind}";
            using var cache = FilledCache.Full(Config, length, ManySteps, storage);
            var steps = StepsWorthTiming(cache);
            var (here, narrow) = (new double[_repetitions], new double[_repetitions]);
            var there = Array.ConvertAll(_products, _ => new double[_repetitions]);
            for (var p = 0; p < _products.Length && peer is not null; p++) PeerMilliseconds(peer, _products[p], length, FewSteps);
            var allocated = 0L;
            for (var r = 0; r < _repetitions; r++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                here[r] = Milliseconds(cache, steps);
                allocated = Math.Max(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
                narrow[r] = Milliseconds(_narrow, cache, steps);
                for (var p = 0; p < _products.Length && peer is not null; p++) there[p][r] = PeerMilliseconds(peer, _products[p], length, Math.Max(FewSteps, steps / 4));
            }
            yield return new(name, "time per token", Median(here), "ms");
            yield return new(name, "bytes moved per second", Moved(cache) / Median(here) / 1e6, "GB/s");
            yield return new(name, "managed bytes allocated per token", allocated / (double)steps, "B");
            yield return new(name, "time per token, 8-bit weights", Median(narrow), "ms");
            if (peer is null) continue;
            for (var p = 0; p < _products.Length; p++)
            {
                yield return new(name, $"time per token, python3-torch by {_products[p].Name}", Median(there[p]), "ms");
                yield return new(name, $"python3-torch by {_products[p].Name} / here", Median(there[p]) / Median(here), "1");
            }
            yield return new(name, "python3-torch at its fastest / here", there.Min(Median) / Median(here), "1");
            yield return new(name, "python3-torch at its fastest / 8-bit weights here", there.Min(Median) / Median(narrow), "1");
        }
    }

    private static double PeerMilliseconds(PythonPeer peer, PeerProduct product, int length, int steps)
    {
        peer.Ask($"use {product.Request}");
        return peer.Number($"decode {length} {steps}") / 1e6;
    }

    /// <summary>
    /// Times prefills here and in the peer, which may choose the best of three block sizes for its attention. Whose turn it is reads the prompt once before it
    /// is timed, so that neither side pays for finding the caches full of the other's numbers.
    /// </summary>
    /// <param name="prompts">Prompt lengths, tokens.</param>
    /// <param name="peer">A peer_decode.py that loaded the same model.</param>
    public IEnumerable<Measurement> PrefillBesidePeer(IReadOnlyList<int> prompts, PythonPeer peer)
    {
        peer.Ask($"use {Wide[0].Request}");
        foreach (var length in prompts)
        {
            int[] ids = [.. Enumerable.Range(0, length).Select(i => i % 100)];
            var (here, there) = (new double[_repetitions], Array.ConvertAll(Chunks, _ => new double[_repetitions]));
            for (var r = 0; r < _repetitions; r++)
            {
                Prefill(ids);
                here[r] = Prefill(ids);
                peer.Number($"prefill {length} {Chunks[0]}");
                for (var c = 0; c < Chunks.Length; c++) there[c][r] = peer.Number($"prefill {length} {Chunks[c]}") / 1e6;
            }
            var (name, best) = ($"{_name}, prompt of {length:N0}", there.Min(Median));
            yield return new(name, "prefill", Median(here), "ms");
            yield return new(name, "prefill, python3-torch at its best block size", best, "ms");
            yield return new(name, "python3-torch / here", best / Median(here), "1");
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
            var medians = Array.ConvertAll(times, Median);
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
        yield return new($"{_name}, {length:N0} entries", $"rate beside {KernelThreads.Count} busy threads over the rate alone", Median(alone) / Median(beside), "1");
    }

    /// <summary>Bytes that one step reads: weights and entries.</summary>
    private long Moved(RaggedCache cache) => _step.WeightBytes + cache.RealisedBytes;

    private int SameTokens(PythonPeer peer)
    {
        const int count = 24;
        int[] prompt = [.. Enumerable.Range(0, 8).Select(i => (i * 37 + 5) % Config.VocabSize)];
        using var cache = new RaggedCache(new CacheShape(Config.Layers, Config.KvHeads, Config.HeadDim));
        float[] logits = [];
        foreach (var id in prompt) logits = _step.Run(id, cache).ToArray();
        var ours = Generation.Run(_step, cache, logits, count, [], Generation.Greedy);
        var theirs = peer.Ask($"greedy {count} {string.Join(' ', prompt)}").Split(' ').Select(int.Parse).ToArray();
        return ours.Zip(theirs).TakeWhile(pair => pair.First == pair.Second).Count();
    }

    private int StepsWorthTiming(RaggedCache cache)
    {
        Milliseconds(cache, FewSteps);
        Milliseconds(cache, 32);      // past the first tier of the compiler
        return Math.Clamp((int)(SliceSeconds * 1e3 / Milliseconds(cache, FewSteps)), FewSteps, ManySteps);
    }

    /// <summary>Milliseconds a step of some steps, which are taken back afterwards.</summary>
    private double Milliseconds(RaggedCache cache, int steps) => Milliseconds(_step, cache, steps);

    private static double Milliseconds(DecodeStep step, RaggedCache cache, int steps)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < steps; i++) step.Run(i % 100, cache);
        var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds / steps;
        for (var i = 0; i < steps; i++) cache.DropLast();
        return time;
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        var half = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }
}
