using System.CommandLine;
using System.Diagnostics;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench kernel</c>: how long a reader waits for the notebook kernel. The kernel is a program of its own, which measures itself.</summary>
internal static class BenchKernelCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var json = Options.Json("Print JSON instead of a table.");
        var command = new Command("kernel", "Times of the notebook kernel, from outside, over its sockets: start to ready and to the first answer (median of 5 starts), later cells,\n"
            + "completion, inspection, interrupt of a loop and of a sleep. Each stands beside the most it should be; exit code 1 when one is missed.\n\nExample:\n  lab bench kernel --json > kernel.json") { json };
        command.SetAction(parse => Run(parse.GetValue(json)));
        return command;
    }

    private static int Run(bool json)
    {
        string program = Repository.Find("bin/notebook/HeadKvLab.Notebook.dll") ?? throw new LabException("bin/notebook/HeadKvLab.Notebook.dll: the kernel is not built; run ./lab build");
        using Process process = Process.Start(new ProcessStartInfo("dotnet", json ? [program, "bench", "--json"] : [program, "bench"]))!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
