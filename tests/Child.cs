using System.Diagnostics;

namespace HeadKvLab.Tests;

/// <summary>
/// The test assembly as a program of its own: what tests about killed and competing processes, and about memory, start. <c>dotnet HeadKvLab.Tests.dll journal ...</c>
/// </summary>
public static class Child
{
    public static int Main(string[] args)
    {
        try
        {
            return args switch
            {
                ["journal", var folder, var samples, var seed] => Evaluation.Runs.JournalChild.Run(folder, int.Parse(samples), int.Parse(seed)),
                ["attention", var path, var tokens] => Models.AttentionMemoryTests.Measure(path, int.Parse(tokens)),
                ["plain-host", var notebook, var output] => Notebook.PlainHost.Run(notebook, output).GetAwaiter().GetResult(),
                ["records", var path] => Evaluation.SuiteFileTests.Tell(path),
                ["vectors"] => Kernels.NarrowMachineTests.Tell(),
                ["last-use"] => Lifetime.CacheLifetimeTests.LastUse(),
                ["teams"] => Lifetime.WorkerTeamTests.LeaveTeams(),
                ["large", var what] => Lifetime.LargeTensorTests.Run(what),
                ["memory", var work] => Lifetime.FlatMemoryTests.Measure(work),
                _ => Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args).GetAwaiter().GetResult(),
            };
        }
        catch (LabException e)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    }

    internal static Process Start(params string[] args) => Start("dotnet", [typeof(Child).Assembly.Location, .. args]);

    /// <summary>The command-line program, with arguments as after <c>./lab</c>.</summary>
    internal static Process Lab(params string[] args) => Start("dotnet", [Repository.Path("bin", "HeadKvLab.dll"), .. args]);

    internal static Process Start(string program, string[] args)
    {
        var process = Process.Start(Plan(program, args))!;
        process.BeginOutputReadLine();
        return process;
    }

    /// <summary>What a program that succeeds prints.</summary>
    /// <param name="folder">Where it is called.</param>
    internal static string Output(string folder, string program, params string[] args)
    {
        var start = Plan(program, args);
        (start.WorkingDirectory, start.RedirectStandardError) = (folder, false);
        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? text : throw new InvalidOperationException($"{program} {string.Join(' ', args)}: exit code {process.ExitCode}");
    }

    private static ProcessStartInfo Plan(string program, string[] args)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = Repository.Root };
        (start.Environment["DOTNET_TieredPGO"], start.Environment["MALLOC_ARENA_MAX"]) = ("0", "1");   // the latter as ./lab does
        start.Environment["DOTNET_GCgen0size"] = "1000000"; // hexadecimal, 16 MB: what the collector keeps by itself depends on the machine's caches
        return start;
    }

    /// <summary>Waits; gives exit code and error stream.</summary>
    internal static (int Code, string Error) End(this Process process)
    {
        using (process)
        {
            var error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, error);
        }
    }
}
