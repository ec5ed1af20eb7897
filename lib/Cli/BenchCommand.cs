using System.CommandLine;
using System.Text.Json;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench</c>: the repeatable measurements behind the figures of docs/performance.md.</summary>
internal static class BenchCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("bench", "Repeatable measurements: each prints a table, or with --json a list of {case, metric, value, unit}.\n\nExample:  lab bench load --json")
    {
        BenchLoadCommand.Create(),
        BenchDecodeCommand.Create(),
        BenchMicroCommands.Ragged(),
        BenchMicroCommands.Formats(),
        BenchMicroCommands.Recalls(),
        BenchMicroCommands.Prompt(),
        BenchMicroCommands.Select(),
        BenchMicroCommands.Allocate(),
        BenchKernelCommand.Create(),
        BenchPrefillCommand.Create(),
    };

    /// <summary>Lower-case names, as the figures' readers expect.</summary>
    internal static readonly JsonSerializerOptions JsonOptions = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
