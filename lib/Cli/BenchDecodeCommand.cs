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
        var lengths = new Option<string>("--lengths") { Description = "Entries of the full cache at which a step is timed.", DefaultValueFactory = _ => "128,1024,8000,32000" };
        var contexts = new Option<string>("--contexts") { Description = "Context lengths timed with the full and the compressed cache.", DefaultValueFactory = _ => "1024,4096,16384,32768" };
        var prompts = new Option<string>("--prompts") { Description = "Prompt lengths whose prefill is timed.", DefaultValueFactory = _ => "2048" };
        var storages = new Option<string>("--storage") { Description = "Numbers in the caches float32, bfloat16, or both separated by a comma.", DefaultValueFactory = _ => "float32" };
        var kvSize = new Option<int>("--kv-size") { Description = "Mean entries per KV head of the compressed cache.", DefaultValueFactory = _ => 128 };
        var repetitions = new Option<int>("--repetitions") { Description = "Alternated repetitions; medians are reported.", DefaultValueFactory = _ => 7 };
        var json = new Option<bool>("--json") { Description = "Print a list of {\"case\", \"metric\", \"value\", \"unit\"}." };
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
                Numbers("--lengths", parse.GetRequiredValue(lengths)), Numbers("--contexts", parse.GetRequiredValue(contexts)), Numbers("--prompts", parse.GetRequiredValue(prompts)), Storages(parse.GetRequiredValue(storages)),
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

    /// <summary>Whole numbers above 0, separated by commas.</summary>
    internal static int[] Numbers(string option, string list)
    {
        var words = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (words.Length == 0) throw new LabException($"{option} '{list}': give at least one number");
        return [.. words.Select(word => int.TryParse(word, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var n) && n > 0
            ? n : throw new LabException($"{option} '{word}': give whole numbers of 1 and more, separated by commas"))];
    }
}
