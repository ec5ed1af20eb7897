using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Headless;

/// <summary>
/// Runs a notebook in a process of its own and outlives it: when native code crashes or a cell calls Environment.Exit, the cell that
/// did it gets an error output, and the notebook and the page are written all the same.
/// </summary>
internal static class Supervisor
{
    /// <summary>Names, for the worker, the file in which it notes the index of the running cell, and "done" at the end.</summary>
    internal const string StateVariable = "HEADKVLAB_NOTEBOOK_STATE";

    /// <summary>Starts the worker and waits for it.</summary>
    /// <returns>The exit code of the run.</returns>
    internal static int Run(RunOptions options, IReadOnlyList<string> arguments)
    {
        var state = Path.GetTempFileName();
        var partial = options.Output ?? PartialFile(state);
        try
        {
            using var worker = Start(arguments, state);
            // Ctrl-C reaches the worker too, which ends the run in order.
            Console.CancelKeyPress += static (_, pressed) => pressed.Cancel = true;
            worker.WaitForExit();
            return File.ReadAllText(state) is "done" or "" ? worker.ExitCode : Crashed(options, partial, File.ReadAllText(state), worker.ExitCode);
        }
        finally
        {
            File.Delete(state);
            File.Delete(PartialFile(state));
        }
    }

    /// <summary>Where the worker saves the notebook when no output file was asked for, so that the supervisor finds what ran.</summary>
    internal static string PartialFile(string state) => state + ".ipynb";

    /// <summary>In the worker: ends it when the supervisor is gone, whose end closes this process's standard input.</summary>
    internal static void EndWithSupervisor()
    {
        var input = Console.OpenStandardInput();
        Console.SetIn(TextReader.Null);
        new Thread(() =>
        {
            while (input.Read(new byte[64]) > 0)
            {
            }
            Process.GetCurrentProcess().Kill();
        }) { IsBackground = true, Name = "supervisor" }.Start();
    }

    static Process Start(IReadOnlyList<string> arguments, string state)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, Environment = { [StateVariable] = state } };
        start.Environment.TryAdd("MALLOC_ARENA_MAX", "1"); // as in the kernelspec
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(Supervisor).Assembly.Location);
        }
        start.ArgumentList.Add("run");
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        return Process.Start(start)!;
    }

    static int Crashed(RunOptions options, string partial, string state, int exitCode)
    {
        Console.Error.WriteLine("FAILED");
        var notebook = File.Exists(partial) ? NotebookDocument.Load(partial) : NotebookRunner.Prepare(options);
        var cell = notebook.Cells[int.Parse(state)];
        var how = exitCode > 128 && !OperatingSystem.IsWindows() ? $"was ended by signal {exitCode - 128}{Signal(exitCode - 128)}" : $"ended with exit code {exitCode}";
        var error = CellError.Plain("ProcessEnded", $"The process {how} while this cell ran; cells before it are kept. Causes: Environment.Exit, a crash in native code, or too little memory.");
        cell.SetOutputs(new JsonArray([.. cell.Outputs.Select(output => output.DeepClone()), OutputJson.Error(error)]));
        if (options.Output is not null)
        {
            notebook.Save(options.Output);
        }
        NotebookRunner.WriteHtml(notebook, options);
        Console.Error.WriteLine($"{error.Message}\n{Path.GetFileName(options.Notebook)}: cell {int.Parse(state) + 1} failed{NotebookRunner.Where(options)}");
        return 1;
    }

    static string Signal(int number) => number switch
    {
        4 => " (illegal instruction)",
        6 => " (abort)",
        8 => " (arithmetic error)",
        9 => " (kill)",
        11 => " (segmentation fault)",
        15 => " (terminate)",
        _ => "",
    };
}
