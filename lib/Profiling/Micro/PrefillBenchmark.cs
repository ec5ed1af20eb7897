using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using HeadKvLab.Profiling.Runs;

namespace HeadKvLab.Profiling.Micro;

/// <summary>What one prefill took, in a process of its own.</summary>
/// <param name="PeakBytes">Most bytes in physical memory (VmHWM), weights and runtime included; 0 where the system does not tell.</param>
/// <param name="IdleBytes">Bytes in physical memory before it.</param>
/// <param name="CacheBytes">Bytes of the entries it left.</param>
/// <param name="Milliseconds">The whole prefill.</param>
/// <param name="EvictionMilliseconds">Of these, scoring, choosing and storing, after a layer attended; and all of a second reading.</param>
/// <param name="SumMilliseconds">Of these, adding up over all queries while they attend, for the methods that ask for sums.</param>
public sealed record PrefillRun(long PeakBytes, long IdleBytes, long CacheBytes, double Milliseconds, double EvictionMilliseconds, double SumMilliseconds)
{
    /// <summary>What compression adds to a prefill without it.</summary>
    public double Share => (EvictionMilliseconds + SumMilliseconds) / (Milliseconds - EvictionMilliseconds - SumMilliseconds);
}

/// <summary>
/// Memory and time of a prefill with eviction layer by layer beside that of the full cache. Every case has a process of its own, because the peak of a process
/// never falls. Weights are random: time and memory depend on sizes alone.
/// </summary>
public static class PrefillBenchmark
{
    /// <summary>A model with the proportions of Llama 3 (GQA 4, inner width 2.75) that a laptop prefills in seconds.</summary>
    public static ModelConfig Standard { get; } = new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 2000, HiddenSize = 512, IntermediateSize = 1408, Layers = 12, QueryHeads = 8, KvHeads = 2, HeadDim = 64, MaxPositions = 1 << 17,
    };

    /// <summary>Runs all cases.</summary>
    /// <param name="lengths">Prompt lengths.</param>
    /// <param name="methods">Names from the catalogue, beside FullKV; HeadKV's scores are made up.</param>
    /// <param name="kvSize">Nominal entries per head.</param>
    /// <param name="repetitions">Processes of each case; medians are reported.</param>
    /// <param name="child">Runs a case in a process of its own.</param>
    public static IEnumerable<Measurement> Run(IReadOnlyList<int> lengths, IReadOnlyList<string> methods, int kvSize, int repetitions, Func<string, int, int, PrefillRun> child)
    {
        if (repetitions < 1) throw new LabException($"--repetitions {repetitions}: give at least 1");
        foreach (var n in lengths)
        {
            string[] names = ["FullKV", .. methods];
            var runs = Array.ConvertAll(names, _ => new List<PrefillRun>());
            for (var round = 0; round < repetitions; round++)
                for (var m = 0; m < names.Length; m++) runs[m].Add(child(names[m], n, kvSize));
            double Median(int m, Func<PrefillRun, double> figure) => Stopwatches.Median([.. runs[m].Select(figure)]);
            var name = $"prefill of {n:N0} tokens, {Standard.Layers} layers of {Standard.QueryHeads}/{Standard.KvHeads} heads, KV size {kvSize}";
            for (var m = 0; m < names.Length; m++)
            {
                yield return new(name, $"{names[m]}: peak memory (VmHWM)", Median(m, r => r.PeakBytes / 1048576.0), "MiB");
                yield return new(name, $"{names[m]}: peak above idle", Median(m, r => (r.PeakBytes - r.IdleBytes) / 1048576.0), "MiB");
                yield return new(name, $"{names[m]}: cache", Median(m, r => r.CacheBytes / 1048576.0), "MiB");
                yield return new(name, $"{names[m]}: prefill", Median(m, r => r.Milliseconds), "ms");
                if (m > 0) yield return new(name, $"{names[m]}: selection and eviction / prefill", Median(m, r => r.Share), "1");
            }
        }
    }

    /// <summary>One case in this process.</summary>
    /// <param name="method">Name from the catalogue.</param>
    /// <param name="tokens">Prompt length.</param>
    /// <param name="kvSize">Nominal entries per head.</param>
    public static PrefillRun Measure(string method, int tokens, int kvSize)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var decoder = RandomModel.Create(Standard);
        var random = new Random(7);
        int[] prompt = [.. Enumerable.Range(0, tokens).Select(_ => random.Next(Standard.VocabSize))];
        var heads = new HeadImportance(Standard.Layers, Standard.QueryHeads, [.. Enumerable.Range(0, Standard.Layers * Standard.QueryHeads).Select(_ => Math.Pow(random.NextDouble(), 4))]);
        var tables = CalibrationTables.HeadScores(heads).With(TableKinds.DuoGates, heads.Aggregate(Standard.KvHeads, GroupReduction.Max))
            .With(TableKinds.Prefix, PrefixCurves.Alike(Standard.Layers)).With(TableKinds.Change, new HeadChange(heads.Values, [.. Enumerable.Repeat(1.0, Standard.Layers)]));
        var chosen = Catalogue.Find(method).Create(null, tables);
        Prefill(decoder, prompt[..Math.Min(tokens, 300)], chosen, Math.Min(kvSize, 64)); // compiles what is timed
        ProcessMemory.Reset();
        var idle = ProcessMemory.Resident;
        var run = Prefill(decoder, prompt, chosen, kvSize) with { IdleBytes = idle };
        var sums = chosen.Scorer.Needs(Budget.PaperWindow).Sums;
        return sums.Count > 0 ? run with { SumMilliseconds = Sums(decoder, prompt, sums) } : run;
    }

    /// <summary>
    /// Attention is added up inside the prefill, where no clock reaches it. Two more prefills ask for it, one in the even, one in the odd layers: each layer
    /// tells a difference, and the mean of both parities' medians does not know which prefill ran on the quieter machine.
    /// </summary>
    private static double Sums(Decoder decoder, int[] prompt, IReadOnlyList<AttentionSum> sums)
    {
        var (even, odd) = (new EveryOtherLayer(0, sums), new EveryOtherLayer(1, sums));
        foreach (var sink in new[] { even, odd })
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            decoder.Prefill(prompt, null, sink);
        }
        return Standard.Layers * (Extra(even, odd, 2) + Extra(odd, even, 1)) / 2;   // without the first layer, whose clock counts the embedding

        static double Extra(EveryOtherLayer asked, EveryOtherLayer not, int first) =>
            Stopwatches.Median([.. Enumerable.Range(0, Standard.Layers).Where(l => l >= first && l % 2 == first % 2).Select(l => asked.Milliseconds[l] - not.Milliseconds[l])]);
    }

    /// <summary>Runs a case as <c>COMMAND --child</c> of this program.</summary>
    public static PrefillRun InChild(string method, int tokens, int kvSize)
    {
        var program = Environment.ProcessPath ?? throw new LabException("lab bench prefill: this program does not know its own path");
        string[] arguments = ["bench", "prefill", "--child", method, "--tokens", tokens.ToString(CultureInfo.InvariantCulture), "--kv-size", kvSize.ToString(CultureInfo.InvariantCulture)];
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") arguments = [typeof(PrefillBenchmark).Assembly.Location, .. arguments];
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new LabException($"lab bench prefill: {method} with {tokens} tokens ended with {process.ExitCode}");
        return JsonSerializer.Deserialize<PrefillRun>(output)!;
    }

    private static PrefillRun Prefill(Decoder decoder, int[] prompt, Method method, int kvSize)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var shape = new CacheShape(Standard.Layers, Standard.KvHeads, Standard.HeadDim);
        var start = Stopwatch.GetTimestamp();
        if (method.KeepsAll)
        {
            using var full = new RaggedCache(shape);
            decoder.Prefill(prompt, full);
            return new(ProcessMemory.Peak, 0, full.StoredBytes, Stopwatch.GetElapsedTime(start).TotalMilliseconds, 0, 0);
        }
        using var compressor = new Compressor(method, new Budget(kvSize), shape, Standard.QueryHeads);
        var timed = new TimedSink(compressor);
        decoder.Prefill(prompt, null, KindsSink.ForMadeUp(timed, prompt.Length));
        using var cache = compressor.TakeCache();
        return new(ProcessMemory.Peak, 0, cache.StoredBytes, Stopwatch.GetElapsedTime(start).TotalMilliseconds, timed.Milliseconds, 0);
    }

    /// <summary>Keeps nothing, asks for sums over all queries in the layers of one parity, and times each layer.</summary>
    private sealed class EveryOtherLayer(int parity, IReadOnlyList<AttentionSum> sums) : IPromptSink
    {
        private long _last = Stopwatch.GetTimestamp();

        public List<double> Milliseconds { get; } = [];

        public ScorerNeeds Needs => Milliseconds.Count % 2 == parity ? new() { Sums = sums } : ScorerNeeds.None;

        public void Accept(in LayerView layer)
        {
            Milliseconds.Add(Stopwatch.GetElapsedTime(_last).TotalMilliseconds);
            _last = Stopwatch.GetTimestamp();
        }
    }

    private sealed class TimedSink(IPromptSink inner) : IPromptSink
    {
        private long _last;

        public double Milliseconds { get; private set; }

        public ScorerNeeds Needs => inner.Needs;

        public void Accept(in LayerView layer)
        {
            var start = Stopwatch.GetTimestamp();
            inner.Accept(layer);
            Milliseconds += Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            _last = Stopwatch.GetTimestamp();
        }

        /// <summary>What was read again since the last layer counts as well.</summary>
        public void AcceptReplayed(in LayerView layer)
        {
            inner.AcceptReplayed(layer);
            Milliseconds += Stopwatch.GetElapsedTime(_last).TotalMilliseconds;
            _last = Stopwatch.GetTimestamp();
        }
    }
}
