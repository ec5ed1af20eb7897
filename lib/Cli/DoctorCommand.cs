using System.CommandLine;
using System.Text.Json;
using HeadKvLab.Profiling.Machine;
using HeadKvLab.Tables;
using static System.FormattableString;

namespace HeadKvLab.Cli;

/// <summary><c>lab doctor</c>: which engine runs here, how fast, and what slows it.</summary>
internal static class DoctorCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var json = Options.Json("Print the report, the traps and the notes as JSON.");
        var command = new Command("doctor", "Shows the tensor engine, measures it (about two seconds) and flags what makes it slow or wrong, each with its cure.\n"
            + "Rates are the best of several runs; on a busy machine they still come out low.\n\nExample:\n  lab doctor") { json };
        command.SetAction(parse =>
        {
            EngineReport report = EngineProbe.Run();
            IReadOnlyList<EngineTrap> traps = EngineTrap.In(report);
            if (parse.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(new { report, traps, notes = EngineTrap.Notes(report) }, BenchCommand.JsonOptions));
            else Show(report, traps);
        });
        return command;
    }

    private static void Show(EngineReport r, IReadOnlyList<EngineTrap> traps)
    {
        Terminal.Write(Table.Facts(
            ("engine", Invariant($"{r.Engine} over libtorch {r.Libtorch}")),
            ("library", r.LibtorchFile),
            ("processor", Invariant($"{r.Processor}, {r.Cores} cores, {r.Vectors}")),
            ("threads", Invariant($"{r.Threads}")),
            ("GPU", r.Gpu),
            ("matrix product", Invariant($"{r.GigaflopsFloat32:F0} GFLOP/s float32, {r.GigaflopsBFloat16:F0} GFLOP/s bfloat16")),
            ("streaming", Invariant($"{r.StreamingGigabytes:F1} GB/s")),
            ("24 MB result", Invariant($"{r.PageFaultsPerLargeOperator:N0} page faults"))));
        Console.WriteLine();
        Console.WriteLine(traps.Count == 0 ? "No trap found." : traps.Count == 1 ? "1 trap found:" : $"{traps.Count} traps found:");
        foreach (EngineTrap trap in traps)
        {
            Console.WriteLine($"  ! {trap.Name}: {trap.Finding}");
            Console.WriteLine($"    cure: {trap.Cure}");
        }
        Console.WriteLine();
        Console.WriteLine("Worth knowing:");
        foreach (string note in EngineTrap.Notes(r)) Console.WriteLine($"  - {note}");
    }
}
