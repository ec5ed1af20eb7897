using System.CommandLine;
using System.Text.Json;
using HeadKvLab.Profiling.Engine;
using Spectre.Console;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench</c>: the repeatable measurements behind the figures of the README.</summary>
internal static class BenchCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("bench", "Repeatable measurements: each prints a table, or with --json a list of {case, metric, value, unit}.\n\nExample:  lab bench load --json")
    {
        Ops(),
        BenchLoadCommand.Create(),
        BenchDecodeCommand.Create(),
        BenchHeartCommands.Ragged(),
        BenchHeartCommands.Select(),
        BenchHeartCommands.Allocate(),
        BenchKernelCommand.Create(),
        BenchPrefillCommand.Create(),
    };

    private static Command Ops()
    {
        var json = new Option<bool>("--json") { Description = "Print JSON instead of a table." };
        var repetitions = new Option<int>("--repetitions") { Description = "Repetitions of each case, of five alternated slices whose quickest counts; medians are reported.", DefaultValueFactory = _ => 7 };
        var peer = new Option<string?>("--peer") { Description = "The peer's script; by default tests/benchmarks/peer_ops.py of this repository.", DefaultValueFactory = _ => Repository.Find("tests/benchmarks/peer_ops.py") };
        var only = new Option<string?>("--case") { Description = "Only the cases whose name contains this." };
        var command = new Command("ops", "Time of single operator calls against Python's torch on the same library, in alternation, under the same threads, allocator and CPU settings.\n"
            + "The bar is a ratio of at most 1.0. Without a Python that has torch only this side is measured.\n\nExample:\n  lab bench ops --json > ops.json") { json, repetitions, only, peer };
        command.SetAction(parse =>
        {
            if (parse.GetValue(repetitions) < 1) throw new LabException("--repetitions: give at least 1");
            OperatorTime[] times = [.. OperatorBenchmark.Run(parse.GetValue(peer), parse.GetValue(repetitions), parse.GetValue(only))];
            if (parse.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(times.SelectMany(Rows), JsonOptions));
            else Show(times);
        });
        return command;
    }

    /// <summary>One measured figure, as every <c>--json</c> of <c>lab bench</c> prints it.</summary>
    internal sealed record Row(string Case, string Metric, double Value, string Unit);

    /// <summary>Lower-case names, as the figures' readers expect.</summary>
    internal static readonly JsonSerializerOptions JsonOptions = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static IEnumerable<Row> Rows(OperatorTime time)
    {
        yield return new Row(time.Case, "time per call", Math.Round(time.Nanoseconds, 1), "ns");
        if (time.PeerNanoseconds is not double peer) yield break;
        yield return new Row(time.Case, "time per call, python3-torch", Math.Round(peer, 1), "ns");
        yield return new Row(time.Case, "ratio to python3-torch", Math.Round(time.Ratio!.Value, 3), "1");
    }

    private static void Show(OperatorTime[] times)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("operator call").AddColumn(new TableColumn("here, ns").RightAligned())
            .AddColumn(new TableColumn("python3-torch, ns").RightAligned()).AddColumn(new TableColumn("ratio").RightAligned());
        foreach (OperatorTime t in times)
            table.AddRow(Markup.Escape(t.Case), Text("N0", t.Nanoseconds), Text("N0", t.PeerNanoseconds), Text("F2", t.Ratio));
        AnsiConsole.Write(table);
    }

    private static string Text(string format, double? value) => value?.ToString(format, System.Globalization.CultureInfo.InvariantCulture) ?? "-";
}
