using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Headless;

/// <summary>
/// Executes a notebook's code cells in order, without Jupyter. The executed notebook is saved after every cell and, while a cell
/// produces output, every two seconds: whatever happens to the process, what ran is on disk.
/// </summary>
/// <param name="options">What to run and where results go.</param>
/// <param name="progress">A line per cell with its time, and tracebacks.</param>
/// <param name="beforeCell">Told the index of each cell before it starts; null: nobody listens.</param>
/// <param name="drain">Waits for native output at the end of a cell; null: there is none.</param>
/// <param name="partialFile">Where the notebook is saved on the way when the options name no output; null: nowhere.</param>
internal sealed class NotebookRunner(RunOptions options, TextWriter progress, Action<int>? beforeCell = null, Action? drain = null, string? partialFile = null)
{
    static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(2);
    readonly Dictionary<string, JsonObject> displays = [];
    volatile CellHost? running;
    volatile bool stopped;

    /// <summary>Ends the run: the running cell is interrupted, the rest is not started.</summary>
    internal void Stop()
    {
        stopped = true;
        running?.Interrupt();
    }

    /// <summary>Runs the notebook and writes what was asked for.</summary>
    /// <returns>0, 1 when a cell failed, or 130 when it was stopped.</returns>
    /// <exception cref="NotebookException">The notebook or an option cannot be used; nothing has run.</exception>
    internal async Task<int> Run()
    {
        var notebook = Prepare(options);
        using var session = new Session(Path.GetDirectoryName(Path.GetFullPath(options.Notebook))!, drain);
        var total = Stopwatch.StartNew();
        await session.Ready.ConfigureAwait(false);
        progress.WriteLine($"{Path.GetFileName(options.Notebook)}: compiler ready after {Seconds(total).Trim()}");
        var failed = await RunCells(notebook, session).ConfigureAwait(false);
        StaticImages.Add(notebook, progress);
        Save(notebook);
        WriteHtml(notebook, options);
        progress.WriteLine($"{Path.GetFileName(options.Notebook)}: {(failed == 0 ? "all cells ran" : stopped ? "stopped" : $"{failed} failed")} in {Seconds(total).Trim()}{Where(options)}");
        return stopped ? 130 : failed == 0 ? 0 : 1;
    }

    /// <summary>The notebook with its parameters set and old outputs gone.</summary>
    /// <exception cref="NotebookException">The notebook or an option cannot be used.</exception>
    internal static NotebookDocument Prepare(RunOptions options)
    {
        var notebook = NotebookDocument.Load(options.Notebook);
        Parameters.Apply(notebook, options.Parameters, options.Notebook);
        foreach (var (index, cell) in notebook.Cells.Index().Where(pair => pair.Item.Kind == "code"))
        {
            try
            {
                Languages.KernelOf(cell.Language);
            }
            catch (RefusedException refused)
            {
                throw new NotebookException($"{options.Notebook}: cell {index + 1}: {refused.Message}");
            }
            cell.SetOutputs([]);
            cell.ExecutionCount = null;
            cell.Times = null;
        }
        return notebook;
    }

    internal static void WriteHtml(NotebookDocument notebook, RunOptions options)
    {
        if (options.Html is { } html)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(html))!);
            File.WriteAllText(html, HtmlPage.Write(notebook, Path.GetFileNameWithoutExtension(options.Notebook)));
        }
    }

    /// <summary>", written: a, b" for the last line of a run.</summary>
    internal static string Where(RunOptions options) =>
        string.Join(" and ", new[] { options.Output, options.Html }.Where(file => file is not null)) is { Length: > 0 } files ? $"; written: {files}" : "";

    async Task<int> RunCells(NotebookDocument notebook, Session session)
    {
        var code = notebook.Cells.Index().Where(pair => pair.Item.Kind == "code" && pair.Item.Source.Trim().Length > 0 && !pair.Item.HasTag("skip-execution")).ToArray();
        var failed = 0;
        for (var n = 1; n <= code.Length && !stopped; n++)
        {
            var (index, cell) = code[n - 1];
            beforeCell?.Invoke(index);
            progress.Write($"  cell {n,2}/{code.Length}  {Label(cell.Source),-52} ");
            progress.Flush();
            var watch = Stopwatch.StartNew();
            var error = await RunCell(notebook, cell, n, session).ConfigureAwait(false);
            progress.WriteLine(error is null ? Seconds(watch) : $"{Seconds(watch)}  FAILED");
            if (error is null || cell.HasTag("raises-exception"))
            {
                continue;
            }
            failed++;
            progress.WriteLine(string.Join('\n', error.Traceback));
            if (!options.AllowErrors)
            {
                break;
            }
        }
        return failed;
    }

    async Task<CellError?> RunCell(NotebookDocument notebook, NotebookCell cell, int number, Session session)
    {
        var host = new HeadlessCell(displays);
        running = host;
        cell.ExecutionCount = number;
        using var saving = new PeriodicTimer(SaveEvery);
        var saver = SaveNowAndThen(notebook, cell, host, saving);
        using var timer = options.Timeout is { } limit ? new Timer(_ => host.Interrupt(), null, limit, System.Threading.Timeout.InfiniteTimeSpan) : null;
        var (began, watch) = (DateTime.UtcNow, Stopwatch.StartNew());
        var result = await session.Execute(cell.Source, $"In[{number}]", host, cell.Language).ConfigureAwait(false);
        if (!InPlace)
        {
            cell.Times = (began, began + watch.Elapsed);
        }
        saving.Dispose();
        await saver.ConfigureAwait(false);
        if (result.Error is { Name: "Interrupted" } && !stopped && options.Timeout is { } allowed && watch.Elapsed >= allowed)
        {
            result = result with { Error = CellError.Plain("Timeout", $"The cell took longer than {allowed.TotalSeconds:0.###} s (--timeout). {result.Error.Message}") };
        }
        cell.SetOutputs(host.Finish(result, number));
        Save(notebook);
        return result.Error;
    }

    async Task SaveNowAndThen(NotebookDocument notebook, NotebookCell cell, HeadlessCell host, PeriodicTimer saving)
    {
        while (await saving.WaitForNextTickAsync().ConfigureAwait(false))
        {
            cell.SetOutputs(host.Outputs);
            Save(notebook);
        }
    }

    /// <summary>A notebook that is renewed in place gets no times: only what its cells put out may change in it.</summary>
    bool InPlace => options.Output is { } output && Path.GetFullPath(output) == Path.GetFullPath(options.Notebook);

    void Save(NotebookDocument notebook)
    {
        if ((options.Output ?? partialFile) is { } file)
        {
            notebook.Save(file);
        }
    }

    /// <summary>The first line of a cell that says something, for progress.</summary>
    static string Label(string source)
    {
        var lines = source.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).ToArray();
        var line = lines.FirstOrDefault(one => !one.StartsWith('#') && !one.StartsWith("//", StringComparison.Ordinal) && !one.StartsWith("using ", StringComparison.Ordinal)) ?? lines[0];
        return line.Length <= 52 ? line : line[..49] + "...";
    }

    static string Seconds(Stopwatch watch) => FormattableString.Invariant($"{watch.Elapsed.TotalSeconds,6:0.00} s");
}
