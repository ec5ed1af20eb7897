using System.Diagnostics;
using System.Globalization;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Machine;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Runs;

/// <summary>
/// Measures time and memory of answering: prefill with eviction layer by layer, then greedy decoding. Every case runs once untimed, which warms
/// it up and watches its memory; then rounds follow, in each of which every case runs once, so that what disturbs the machine disturbs all
/// alike. A timed run whose tokens differ from the untimed one's is an error: it would have timed something else. A model on a GPU runs there;
/// every time is taken when the GPU has finished, and moving the kept entries there counts towards the first token.
/// </summary>
public sealed class Profiler : IDisposable
{
    private readonly Decoder _decoder;
    private readonly Engine _engine;
    private readonly Device _device;
    private readonly GpuDriver? _gpu;
    private readonly long _deviceIdle;
    private readonly ProfilePlan _plan;
    private readonly IReadOnlyList<ProfileCase> _cases;

    /// <summary>Prepares to run a plan.</summary>
    /// <param name="decoder">The model; its positions must reach the longest context and answer.</param>
    /// <param name="plan">What to time.</param>
    /// <param name="gpu">Tells the memory of the GPU that the model is on; null: not measured.</param>
    /// <param name="precision">What answers are decoded with.</param>
    /// <exception cref="LabException">A size of the plan is out of range, the model's context too short, or the memory too small.</exception>
    public Profiler(Decoder decoder, ProfilePlan plan, GpuDriver? gpu = null, DecodePrecision precision = DecodePrecision.Lossless)
        : this(decoder, plan, gpu, new Engine(decoder, precision))
    {
    }

    internal Profiler(Decoder decoder, ProfilePlan plan, GpuDriver? gpu, Engine engine)
    {
        (_engine, _gpu, _device) = (engine, gpu, decoder.Model.embed_tokens.weight.device);
        (_decoder, _plan, _cases) = (decoder, plan, plan.Cases());
        var longest = _cases[^1].Context + plan.Generate.Max();
        if (longest > decoder.Config.MaxPositions)
            throw new LabException($"--contexts {_cases[^1].Context} and --generate {plan.Generate.Max()}: together {longest} tokens, but the model has {decoder.Config.MaxPositions} positions; give shorter ones");
        CheckMemory(longest);
        _deviceIdle = gpu?.Memory?.Used ?? 0;
    }

    /// <summary>Frees what was made for decoding; the model stays.</summary>
    public void Dispose() => _engine.Dispose();

    private ModelConfig Config => _decoder.Config;

    /// <summary>Runs of a whole pass: one for each case and round, and the untimed ones.</summary>
    public int Runs => _cases.Count * (_plan.Repetitions + 1);

    /// <summary>Runs the plan, a run at a time.</summary>
    /// <param name="progress">Told what runs next, and how many are done of how many.</param>
    /// <param name="stop">Ends it: the run in hand is given up, those done remain.</param>
    /// <exception cref="LabException">A timed run gave other tokens than the untimed one.</exception>
    public IEnumerable<TimedRun> Run(Action<string, int, int>? progress = null, CancellationToken stop = default)
    {
        var done = 0;
        var expected = new Dictionary<ProfileCase, int[]>();
        UseWeights();
        foreach (var wanted in _cases)
        {
            if (stop.IsCancellationRequested) yield break;
            progress?.Invoke($"{wanted}, memory", done++, Runs);
            var (run, tokens) = Watched(wanted, stop);
            if (stop.IsCancellationRequested) yield break;
            expected[wanted] = tokens;
            yield return run;
        }
        for (var round = 1; round <= _plan.Repetitions; round++)
        {
            var streaming = EngineProbe.Streaming(_device);
            foreach (var wanted in _cases)
            {
                if (stop.IsCancellationRequested) yield break;
                progress?.Invoke($"{wanted}, round {round}", done++, Runs);
                var (run, tokens) = Once(wanted, round, stop);
                if (stop.IsCancellationRequested) yield break;
                if (!tokens.SequenceEqual(expected[wanted]))
                    throw new LabException($"{wanted}: round {round} gave other tokens than the run before the rounds: its time means nothing. Report this, with the model's config");
                yield return run with { StreamingGigabytes = streaming };
            }
        }
    }

    /// <summary>Weights on a mapped file come into memory when first used: they are no part of what a case takes above idle.</summary>
    private void UseWeights()
    {
        if (!_engine.OnCpu) return;
        using var cache = new RaggedCache(new CacheShape(Config.Layers, Config.KvHeads, Config.HeadDim, _plan.Storage));
        _engine.Step.Run(0, cache);
    }

    private (TimedRun, int[]) Watched(ProfileCase wanted, CancellationToken stop)
    {
        ProcessMemory.Reset();
        var idle = ProcessMemory.CanWatch ? ProcessMemory.Resident : 0;
        var (run, tokens) = Once(wanted, 0, stop);
        return (run with { IdleBytes = idle, PeakBytes = ProcessMemory.CanWatch ? ProcessMemory.Peak : 0, DeviceIdleBytes = _deviceIdle, DevicePeakBytes = _gpu?.Memory?.Used ?? 0 }, tokens);
    }

    private (TimedRun, int[]) Once(ProfileCase wanted, int round, CancellationToken stop)
    {
        try
        {
            return Measure(wanted, round, stop);
        }
        catch (ModelOverflow e)
        {
            throw e.At($"{wanted}");
        }
    }

    private (TimedRun, int[]) Measure(ProfileCase wanted, int round, CancellationToken stop)
    {
        var most = _plan.Generate.Max();
        var (prompt, load) = (Prompt(wanted.Context), LoadAverage());
        var stamps = new long[most];
        var start = Now();
        var (cache, logits) = Prefill(wanted, prompt, most);
        using (cache)
        {
            var prefilled = Now();
            var (cacheBytes, entries) = (cache.StoredBytes * NumberBytes / cache.Shape.Format.Bytes(), cache.Shape.Layers * cache.Shape.KvHeads);
            var count = 0;
            var answer = Answer.Run(_engine, cache, prompt, logits, recomputeLast: !wanted.Method.KeepsAll, most, [], Generation.Greedy, _ => stamps[count++] = Now(), stop);
            return (new TimedRun
            {
                Method = wanted.Method.Name, KvSize = wanted.KvSize, Context = wanted.Context, Round = round,
                PrefillMilliseconds = Milliseconds(start, prefilled), FirstTokenMilliseconds = Milliseconds(start, stamps[0]),
                DecodeMilliseconds = _plan.Generate.Distinct().ToDictionary(n => n, n => Milliseconds(stamps[0], stamps[n - 1])),
                CacheBytes = cacheBytes, ReservedBytes = answer.ReservedBytes, WeightBytes = _engine.WeightBytes, BytesPerToken = 2L * entries * Config.HeadDim * NumberBytes, LoadAverage = load,
            }, answer.Ids);
        }
    }

    /// <summary>Bytes of a cached number as decoding reads it.</summary>
    private int NumberBytes => _engine.CacheType(_plan.Storage).Format().Bytes();

    /// <summary>The time once the device has done everything it was asked for.</summary>
    private long Now()
    {
        if (_device.type == DeviceType.CUDA) cuda.synchronize(_device);
        return Stopwatch.GetTimestamp();
    }

    private (RaggedCache Cache, float[] Logits) Prefill(ProfileCase wanted, int[] prompt, int most)
    {
        using var scope = NewDisposeScope();
        var shape = new CacheShape(Config.Layers, Config.KvHeads, Config.HeadDim, _plan.Storage);
        if (wanted.Method.KeepsAll)
        {
            var full = new RaggedCache(shape);
            full.Reserve(prompt.Length + most);
            return (full, _engine.Prefill(prompt, full));
        }
        using var compressor = new Compressor(wanted.Method, wanted.Budget, shape, Config.QueryHeads);
        var logits = _engine.Prefill(prompt, null, KindsSink.ForMadeUp(compressor, prompt.Length));
        var cache = compressor.TakeCache();
        cache.Reserve(most);
        return (cache, logits);
    }

    /// <summary>Token ids drawn at random: time and memory do not depend on which.</summary>
    private int[] Prompt(int length)
    {
        var random = new Random(_plan.Seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(Config.VocabSize))];
    }

    /// <summary>Refuses what cannot fit before hours are spent on what can: Linux ends a process that takes too much, without a word.</summary>
    private void CheckMemory(long tokens)
    {
        var number = new CacheShape(Config.Layers, Config.KvHeads, Config.HeadDim, _plan.Storage).EntryBytes / 2 / Config.HeadDim;
        var wanted = _plan.Methods.Any(m => m.KeepsAll) ? tokens * Config.KvBytesPerToken(number) : tokens * Config.KvBytesPerToken(4) / Config.Layers;
        if (wanted > ProcessMemory.Available)
            throw new LabException(FormattableString.Invariant(
                $"the cache of {tokens:N0} tokens takes {wanted:N0} bytes, but only {ProcessMemory.Available:N0} are free: give shorter --contexts, --storage bfloat16, or leave FullKV out"));
        var onDevice = tokens * Config.KvBytesPerToken(NumberBytes);
        if (_plan.Methods.Any(m => m.KeepsAll) && _gpu?.Memory is var (used, total) && onDevice > total - used)
            throw new LabException(FormattableString.Invariant(
                $"the cache of {tokens:N0} tokens takes {onDevice:N0} bytes, but only {total - used:N0} are free on the {_gpu.Name}: give shorter --contexts, --type bfloat16, or leave FullKV out"));
    }

    private static double Milliseconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalMilliseconds;

    private static double LoadAverage() => File.Exists("/proc/loadavg") ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : 0;
}
