using System.CommandLine;
using HeadKvLab.Charts;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using HeadKvLab.Profiling.Machine;
using HeadKvLab.Profiling.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab profile</c>: time and memory of methods over context lengths.</summary>
internal static class ProfileCommand
{
    internal static Command Create()
    {
        var model = new Option<string>("--model") { Description = "Model folder, or a config.json for random weights (time and memory depend on sizes alone).", DefaultValueFactory = _ => Repository.Find("data/models/world-4m") ?? "data/models/world-4m" };
        var methods = Options.Methods("Names, separated by commas; see `lab methods`.", "FullKV,SnapKV,HeadKV-R2");
        var contexts = Options.Counts<int>("--contexts", "Prompt lengths in tokens; beyond the model's own positions too.", "1024,2048,4096,8192");
        var sizes = Options.Counts<int>("--kv-sizes", "Mean entries per KV head, window included.", "128");
        var generate = Options.Counts<int>("--generate", "Answer lengths in tokens; one run tells the time at each.", "64");
        var repetitions = new Option<int>("--repetitions") { Description = "Timed rounds, each of which runs every case once.", DefaultValueFactory = _ => 5 };
        var window = Options.Window("Observation window.");
        var rule = Options.Rule(BudgetRule.EqualEntries);
        var storage = new Option<string>("--storage") { Description = "Numbers in the cache: float32, bfloat16 or float16.", DefaultValueFactory = _ => "float32" };
        storage.AcceptOnlyFromAmong(Options.Formats);
        var scores = Options.Scores();
        var threads = new Option<int?>("--threads") { Description = "Threads of the prefill and of decoding; by default all cores." };
        var output = Options.Out("Folder for runs.jsonl, profile.csv and environment.json.");
        var csv = new Option<bool>("--csv") { Description = "Print comma-separated values instead of a table." };
        var (type, device, weights) = (Options.Type(), Options.Device(), Options.DecodeWeights());
        var command = new Command("profile", """
            Measures prefill, time to first token, time per decoded token, cache bytes and peak resident memory of methods over context
            lengths, with random prompts. Each case runs once untimed; then rounds follow in which every case runs once, and medians and ranges
            are reported. The timed runs must give the tokens of the untimed one. Decoding's GB/s are compared with what the machine
            streams from memory, measured in the same rounds. With --device cuda prompts are read on the GPU, and answers decoded there, over the entries that
            were kept; the times are those of finished work, and the GPU's memory is what its driver says is in use: libtorch hands nothing back
            before the end, so that a case shows the most of itself and the cases before it. Ctrl-C ends it after the run in hand; what was measured is reported and kept.

            Example:  lab profile --contexts 2048,8192 --methods FullKV,SnapKV,HeadKV-R2 --out results/profile
            Example:  lab profile --model data/configs/llama-75m.json --contexts 32768 --methods FullKV,SnapKV --repetitions 3
            Example:  lab profile --model ~/models/Meta-Llama-3-8B-Instruct --type bfloat16 --device cuda --contexts 8192,32768
            """) { model, methods, contexts, sizes, generate, repetitions, window, rule, storage, scores, threads, output, csv, type, device, weights };
        command.SetAction((parse, stop) =>
        {
            var entries = parse.Read(methods).Select(Catalogue.Find).ToArray();
            parse.Refuse(entries.Any(m => m.Needs.Count > 0), "none of the methods needs head scores", scores);
            parse.Refuse(entries.Any(m => m.Name != "FullKV"), "the full cache has no budget; name a method that compresses", sizes, window, rule);
            return Task.FromResult(Run(
            parse.GetRequiredValue(model), parse.Read(type) ?? ScalarType.BFloat16, parse.Place(device), parse.Read(weights),
            parse.Read(methods), parse.GetValue(scores), parse.GetValue(threads),
            chosen => new ProfilePlan(chosen, parse.Read(contexts))
            {
                KvSizes = parse.Read(sizes),
                Generate = parse.Read(generate),
                Repetitions = parse.GetValue(repetitions),
                Window = parse.GetValue(window),
                Rule = parse.Read(rule),
                Storage = Options.ScalarTypeOf(parse.GetRequiredValue(storage))!.Value,
            },
            parse.GetValue(output), parse.GetValue(csv), stop));
        });
        return command;
    }

    private static int Run(string path, ScalarType type, Device device, DecodePrecision precision, string[] methods, string? scores, int? threads, Func<Method[], ProfilePlan> planOf, string? output, bool csv, CancellationToken stop)
    {
        if (threads is { } count) KernelThreads.Count = count;
        set_num_threads(KernelThreads.Count);
        var plan = planOf([]);
        using var timed = TimedModel.Open(path, plan.Contexts.Max() + plan.Generate.Max(), type, device);
        var gpu = device.type == DeviceType.CUDA ? GpuDriver.Open(Math.Max(0, device.index)) : null;
        var place = device.type == DeviceType.CUDA ? $"cuda:{Math.Max(0, device.index)} {gpu?.Name}".TrimEnd() : "cpu";
        var weights = Directory.Exists(path) ? new Lazy<string>(() => LanguageModel.HashOf(path)) : null;
        Func<string>? hash = weights is null ? null : () => weights.Value;
        var importances = scores is not null ? CalibrationFolder.Open(scores, timed.Decoder.Config, hash) : weights is null ? null : CalibrationFolder.Load(path, timed.Decoder.Config, hash);
        plan = plan with { Methods = [.. methods.Select(name => Catalogue.Find(name).Create(null, importances))] };
        using var profiler = new Profiler(timed.Decoder, plan, gpu, precision);
        var engine = EngineProbe.Run();
        var name = timed.Name + (precision == DecodePrecision.Int8 ? ", decoded with 8-bit weights" : "");
        using var folder = output is null ? null : ProfileFolder.Create(output, name, engine, place, plan);
        var runs = new List<TimedRun>();
        foreach (var run in profiler.Run((what, done, all) => Tell($"{done} of {all} runs done, now {what}"), stop))
        {
            runs.Add(run);
            folder?.Add(run);
        }
        Tell("");
        var summary = ProfileSummary.Of(runs);
        folder?.Write(summary);
        if (summary.Count > 0) Console.WriteLine(csv ? ProfileFolder.Csv(summary).TrimEnd() : ProfileTable.Of(summary).ToString());
        if (!csv) Console.WriteLine(FormattableString.Invariant($"{name}, {(gpu is null ? engine.Processor : $"{gpu.Name} beside {engine.Processor}")}, {KernelThreads.Count} threads, load average {runs.Select(r => r.LoadAverage).DefaultIfEmpty().Max():F1} at most; brackets: smallest and largest of {(summary.Count > 0 ? summary[0].Rounds : 0)} rounds"));
        if (device.type == DeviceType.CUDA && gpu?.Memory is null) Console.Error.WriteLine($"the GPU's memory was not measured: its driver's library ({GpuDriver.Library}) cannot be asked here");
        if (!stop.IsCancellationRequested) return 0;
        Console.Error.WriteLine($"interrupted after {runs.Count} of {profiler.Runs} runs{(output is null ? "" : $"; they are kept in {output}")}");
        return 130;
    }

    private static void Tell(string progress)
    {
        if (!Console.IsErrorRedirected) Console.Error.Write($"\r\u001b[K{progress}");
    }
}
