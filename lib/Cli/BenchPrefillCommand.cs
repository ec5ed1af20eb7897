using System.CommandLine;
using System.Text.Json;
using HeadKvLab.Profiling.Micro;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench prefill</c>: memory and time of a prefill with eviction.</summary>
internal static class BenchPrefillCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var tokens = Options.Counts<int>("--tokens", "Prompt lengths, separated by commas.", "2048,4096,8192", (1 << 17) - 1);
        var methods = Options.Words("--methods", "Methods beside the full cache, separated by commas.", "SnapKV,Ada-SnapKV,HeadKV-R2");
        var kvSize = new Option<int>("--kv-size") { Description = "Nominal entries per head.", DefaultValueFactory = _ => 128 };
        var repetitions = new Option<int>("--repetitions") { Description = "Processes of each case; medians are reported.", DefaultValueFactory = _ => 3 };
        var child = new Option<string?>("--child") { Description = "Measure this one method in this process and print its figures.", Hidden = true };
        var json = Options.Json();
        var command = new Command("prefill", """
            Peak memory and time of a prefill whose layers are compressed one by one, beside that of the full cache; each case in a
            process of its own. The model has random weights. The bars: a lower peak than the full cache's, and selection and
            eviction at no more than 5 % of the prefill.

            Example:  lab bench prefill --tokens 8192 --methods SnapKV --json
            """) { tokens, methods, kvSize, repetitions, child, json };
        command.SetAction(parse =>
        {
            var lengths = parse.Read(tokens);
            if (parse.GetValue(child) is { } one) Console.WriteLine(JsonSerializer.Serialize(PrefillBenchmark.Measure(one, lengths[0], parse.GetValue(kvSize))));
            else
                MeasurementTable.Print(PrefillBenchmark.Run(lengths, [.. parse.Read(methods).Select(name => Compression.Catalogue.Find(name).Name).Where(name => name != "FullKV")],
                    parse.GetValue(kvSize), parse.GetValue(repetitions), PrefillBenchmark.InChild), parse.GetValue(json));
        });
        return command;
    }
}
