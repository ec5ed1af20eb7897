using System.Diagnostics;
using System.Runtime.InteropServices;
using HeadKvLab.Notebook.Headless;
using HeadKvLab.Notebook.Jupyter;
using HeadKvLab.Notebook.Output;

namespace HeadKvLab.Notebook;

/// <summary>The command line: <c>run</c> and <c>html</c> need nothing else; <c>jupyter</c>, <c>install</c>, <c>uninstall</c> serve Jupyter.</summary>
internal static class Program
{
    const string Help = """
        Runs notebooks of .NET Interactive: C#, with blocks and cells in HTML, Markdown, JavaScript and raw values.

        usage:
          run NB.ipynb [-o OUT.ipynb] [--html OUT.html] [-p NAME VALUE]... [--timeout SECONDS] [--allow-errors]
              Executes all code cells in order. Progress and errors go to standard error. Charts without a static image get one where
              Chromium or Chrome is installed.
              -o              the executed notebook, saved after every cell
              --html          one page that opens from disk, offline, with live charts
              -p              sets a variable of the cell tagged "parameters", as papermill does
              --timeout       the longest a cell may take
              --allow-errors  goes on after a failed cell
              With -o NB.ipynb itself it renews a committed notebook's outputs: ids, metadata and the order of keys stay. Written
              elsewhere, each cell carries the times it began and ended, as Jupyter records them.
          check NB.ipynb [--relative SHARE] [--absolute DIFFERENCE] [--longest SECONDS]
              Runs a notebook that is committed with outputs and says where they differ from this run: in words, in types of output,
              or in numbers by more than 5 % and more than 0.02. Of cells tagged "timing" only the types are compared. A cell that
              takes over 60 s fails the check too.
          compare COMMITTED.ipynb FRESH.ipynb [--relative SHARE] [--absolute DIFFERENCE] [--longest SECONDS]
              The same for a run that is there already.
          html NB.ipynb OUT.html
              Writes the page of a notebook as it is, without running it.
          install | uninstall
              Makes the kernel known to Jupyter and VS Code as .net-csharp, for this user; a kernel of that name that belongs to
              another program is left alone, and a second name is taken.
          bench [--json]
              Times of the kernel as a front end sees them.
          jupyter CONNECTION_FILE
              Serves as a kernel; Jupyter calls this.

        exit codes: 0 all well, 1 a cell failed (outputs so far are written), outputs differ or a cell took too long, 2 bad input, 130 stopped by Ctrl-C

        example:
          run notebooks/00-quickstart.ipynb --html out/00-quickstart.html -p questions 20
        """;

    static async Task<int> Main(string[] arguments)
    {
        StandardOutput.Guard();
        try
        {
            return arguments switch
            {
                ["run", .. var rest] when rest.Contains("--help") || rest.Contains("-h") => ShowHelp(),
                ["run", .. var rest] => await Run(rest).ConfigureAwait(false),
                ["check", .. var rest] => CommittedCheck.Run(rest),
                ["compare", .. var rest] => CommittedCheck.Compare(rest),
                ["bench", .. var rest] => await Bench.KernelBenchmark.Run(rest).ConfigureAwait(false),
                ["html", var notebook, var page] => Html(notebook, page),
                ["install"] => Say(KernelSpec.Install()),
                ["uninstall"] => Say(KernelSpec.Uninstall()),
                ["jupyter", var file] => await Serve(file, KernelSpec.Name).ConfigureAwait(false),
                ["jupyter", var file, "--name", var name] => await Serve(file, name).ConfigureAwait(false),
                ["--help" or "-h" or "help"] => ShowHelp(),
                [] => throw new NotebookException("what shall be done? See --help."),
                _ => throw new NotebookException($"unknown command '{string.Join(' ', arguments)}'; see --help."),
            };
        }
        catch (NotebookException problem)
        {
            Console.Error.WriteLine(problem.Message);
            return 2;
        }
        catch (Exception e) when (StandardOutput.FailureIn(e) is { } failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }
    }

    static async Task<int> Run(string[] arguments)
    {
        var options = RunOptions.Parse(arguments);
        if (Environment.GetEnvironmentVariable(Supervisor.StateVariable) is not { } state)
        {
            return Supervisor.Run(options, arguments);
        }
        Environment.SetEnvironmentVariable(Supervisor.StateVariable, null);
        Supervisor.EndWithSupervisor();
        // Cells run in the notebook's folder, as in Jupyter, so that "../data" means the same in both.
        options = options with { Notebook = Path.GetFullPath(options.Notebook), Output = Full(options.Output), Html = Full(options.Html) };
        if (Path.GetDirectoryName(options.Notebook) is { } folder && Directory.Exists(folder)) Environment.CurrentDirectory = folder;
        var error = Console.Error;
        var native = NativeStdout.Start();
        var runner = new NotebookRunner(options, error, index => File.WriteAllText(state, $"{index}"), native is null ? null : native.Drain, Supervisor.PartialFile(state));
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            runner.Stop();
        };
        var code = await runner.Run().ConfigureAwait(false);
        File.WriteAllText(state, "done");
        return code;
    }

    static string? Full(string? path) => path is null ? null : Path.GetFullPath(path);

    static int Html(string notebook, string page)
    {
        NotebookRunner.WriteHtml(Files.NotebookDocument.Load(notebook), new RunOptions(notebook, null, page, [], null, false));
        return 0;
    }

    static async Task<int> Serve(string connectionFile, string kernelName)
    {
        ParentWatch.Start(static () => Process.GetCurrentProcess().Kill());
        var connection = ConnectionFile.Load(connectionFile);
        var native = NativeStdout.Start();
        var log = Console.Error;
        var kernel = new JupyterKernel(connection, kernelName, native is null ? null : native.Drain);
        LastWords.Arrange(kernel, log);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
        {
            signal.Cancel = true;
            kernel.Interrupt();
        });
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            kernel.End();
        });
        await kernel.Run().ConfigureAwait(false);
        // Cells may have left threads that never end.
        Environment.Exit(0);
        return 0;
    }

    static int ShowHelp() => Say(Help);

    static int Say(string text)
    {
        Console.WriteLine(text);
        return 0;
    }
}
