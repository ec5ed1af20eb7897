using System.CommandLine;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Profiling;
using HeadKvLab.Profiling.Decode;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench decode</c>: one decoding step, beside Python's torch and over the context length.</summary>
internal static class BenchDecodeCommand
{
    internal static Command Create()
    {
        var models = new Option<string[]>("--model") { Description = "Model folders, or config.json files for random weights.", AllowMultipleArgumentsPerToken = true };
        models.DefaultValueFactory = _ => [Repository.Find("data/models/world-4m") ?? "", Repository.Find("data/configs/llama-75m.json") ?? "", Repository.Find("data/configs/llama-75m-bfloat16.json") ?? ""];
        var lengths = Options.Counts<int>("--lengths", "Entries of the full cache at which a step is timed.", "128,1024,8000,32000");
        var contexts = Options.Counts<int>("--contexts", "Context lengths timed with the full and the compressed cache.", "1024,4096,16384,32768");
        var prompts = Options.Counts<int>("--prompts", "Prompt lengths whose prefill is timed.", "2048");
        var storages = Options.Of("--storage", "Numbers in the caches float32, bfloat16, or both separated by a comma.", "float32", Storages);
        var kvSize = new Option<int>("--kv-size") { Description = "Mean entries per KV head of the compressed cache.", DefaultValueFactory = _ => 128 };
        var repetitions = new Option<int>("--repetitions") { Description = "Alternated repetitions; medians are reported.", DefaultValueFactory = _ => 7 };
        var json = Options.Json();
        var command = new Command("decode", """
            Time of one decoding step, with weights as loaded and with 8-bit weights, and of a prefill. Then over the context length, with
            the full cache and with a compressed one whose heads keep unequal numbers of entries. Caches are filled with random numbers, so
            that no long prompt need be computed; contexts beyond the model's are timed all the same. Last, the rate under a competing load.

            Example:  lab bench decode --json > decode.json
            Example:  lab bench decode --model data/configs/llama-75m-bfloat16.json --storage float32,bfloat16
            Example:  lab bench decode --model data/configs/llama-3.2-1b.json --lengths 1024 --repetitions 5
            """) { models, lengths, contexts, prompts, storages, kvSize, repetitions, json };
        command.SetAction(parse => MeasurementTable.Print(
            parse.GetRequiredValue(models).SelectMany(model => Measure(model,
                parse.Read(lengths), parse.Read(contexts), parse.Read(prompts), parse.Read(storages),
                parse.GetValue(kvSize), parse.GetValue(repetitions))),
            parse.GetValue(json)));
        return command;
    }

    private static IEnumerable<Measurement> Measure(string path, int[] lengths, int[] contexts, int[] prompts, ScalarType[] storages, int kvSize, int repetitions)
    {
        var positions = lengths.Concat(contexts).Concat(prompts).Max() + 1024;
        using var timed = TimedModel.Open(path, positions);
        using var bench = new DecodeBenchmark(timed.Name, timed.Decoder, repetitions);
        foreach (var figure in storages.SelectMany(storage => bench.OverLength(lengths, storage))) yield return figure;
        foreach (var figure in bench.OverPrompt(prompts)) yield return figure;
        foreach (var figure in bench.OverContext(contexts, kvSize)) yield return figure;
        foreach (var figure in bench.UnderLoad(lengths[^1])) yield return figure;
    }

    private static ScalarType[] Storages(string list) =>
        [.. list.Split(',', StringSplitOptions.TrimEntries).Select(name => Names<NumberFormat>.Parse(name, "--storage", NumberFormat.Float32, NumberFormat.BFloat16).Scalar())];
}
