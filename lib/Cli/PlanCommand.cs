using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Forecast;
using HeadKvLab.Tables;

namespace HeadKvLab.Cli;

/// <summary><c>lab plan</c>: whether compression pays, for a model that need not be here.</summary>
internal static class PlanCommand
{
    internal static Command Create()
    {
        var config = new Option<string>("--config") { Description = "A config.json, or a folder that holds one. data/configs has Llama's 1B to 405B.", Required = true };
        var context = Options.Counts<long>("--context", "Context lengths in tokens, separated by commas.", "8000,32000,128000,1000000", 1L << 40);
        var kvSize = Options.Counts<long>("--kv-size", "Entries kept per KV head, separated by commas.", "128,1024", 1L << 40);
        var bandwidth = new Option<double>("--bandwidth") { Description = "GB/s that decoding streams from memory: 1,555 (A100-40G), 3,350 (H100), 40 to 80 (a laptop); `lab doctor` measures this machine's.", Required = true };
        var memory = new Option<double?>("--memory") { Description = "GB of the device: adds the longest context that fits." };
        var weights = new Option<string>("--weights") { Description = "float32, bfloat16, float16 or int8.", DefaultValueFactory = _ => "bfloat16" };
        var cache = new Option<string>("--cache") { Description = "float32, bfloat16 or float16.", DefaultValueFactory = _ => "bfloat16" };
        var batch = new Option<int>("--batch") { Description = "Sequences decoded together.", DefaultValueFactory = _ => 1 };
        var json = Options.Json("Print JSON instead of a table.");
        var command = new Command("plan", """
            Predicts memory and decode time of any model from its config alone, and says from which context length compression pays.

            A decoding step reads all weights and all cached entries once; time = bytes / bandwidth. The figures are lower bounds of
            the time at small batches; `lab profile` measures how near this machine comes to them.

            Example:  lab plan --config data/configs/llama-3-8b.json --bandwidth 1555 --memory 40
            """) { config, context, kvSize, bandwidth, memory, weights, cache, batch, json };
        command.SetAction(parse =>
        {
            var machine = new Machine(parse.GetValue(bandwidth) * 1e9)
            {
                WeightBytes = Names<NumberFormat>.Parse(parse.GetRequiredValue(weights), "--weights").Bytes(), CacheBytes = Names<NumberFormat>.Parse(parse.GetRequiredValue(cache), "--cache", NumberFormats.Floating).Bytes(), Batch = parse.GetValue(batch),
            };
            var model = Read(parse.GetRequiredValue(config));
            DecodeForecast[] plans = [.. from n in parse.Read(context)
                                         from b in parse.Read(kvSize) select new DecodeForecast(model, machine, n, b)];
            if (parse.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(plans.Select(p => Row(p, parse.GetValue(memory))), BenchCommand.JsonOptions));
            else Show(plans, parse.GetValue(memory));
        });
        return command;
    }

    private static ModelConfig Read(string path) =>
        Directory.Exists(path) ? ModelConfig.Load(path)
        : File.Exists(path) ? ModelConfig.Parse(File.ReadAllBytes(path), path)
        : throw new LabException($"{path}: no such file or folder; give a config.json of Hugging Face form, for example data/configs/llama-3-8b.json");

    private static object Row(DecodeForecast p, double? memory) => new
    {
        context = p.Context, kvSize = p.KvSize, weightBytes = p.WeightBytes, fullCacheBytes = p.FullBytes, compressedCacheBytes = p.CompressedBytes, layerBytes = p.LayerBytes,
        fullMilliseconds = p.FullSeconds * 1e3, compressedMilliseconds = p.CompressedSeconds * 1e3, speedUp = p.SpeedUp, tenPercentFasterFrom = p.PaysFrom(1.1), twiceAsFastFrom = p.PaysFrom(2),
        longestContextFull = memory is { } m ? p.LongestContext(m * 1e9, false) : (long?)null, longestContextCompressed = memory is { } k ? p.LongestContext(k * 1e9, true) : (long?)null,
    };

    private static void Show(DecodeForecast[] plans, double? memory)
    {
        Terminal.Write(Table.Of("", plans,
            (Right("context"), p => Count(p.Context)), (Right("KV size"), p => Count(p.KvSize)), (Right("full cache"), p => Bytes(p.FullBytes)), (Right("compressed"), p => Bytes(p.CompressedBytes)),
            (Right("full", "ms/token", "N2"), p => p.FullSeconds * 1e3), (Right("compressed", "ms/token", "N2"), p => p.CompressedSeconds * 1e3), (Right("speed-up", format: "#,0.00'x'"), p => p.SpeedUp)));
        Console.WriteLine($"weights: {Bytes(plans[0].WeightBytes)}, of which a token reads {Bytes(plans[0].WeightBytesRead)}");
        foreach (var p in plans.DistinctBy(p => p.KvSize))
        {
            Console.WriteLine($"KV size {Count(p.KvSize)}: decoding is 10 % faster {From(p.PaysFrom(1.1))}, twice as fast {From(p.PaysFrom(2))}");
            if (memory is { } gigabytes)
                Console.WriteLine($"  longest context in {Text("N0", gigabytes)} GB: {Count(p.LongestContext(gigabytes * 1e9, false))} tokens with the full cache, {Count(p.LongestContext(gigabytes * 1e9, true))} compressed layer by layer");
        }
    }

    private static Column Right(string name, string unit = "", string format = "") => new(name) { Unit = unit, Format = format, Align = Alignment.Right };

    private static string From(long? context) => context is { } n ? $"from {Count(n)} tokens of context" : "at no context length: every layer slides";

    private static string Bytes(long bytes) => bytes >= 1e9 ? Text("N2", bytes / 1e9) + " GB" : Text("N2", bytes / 1e6) + " MB";

    private static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Text(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);

}
