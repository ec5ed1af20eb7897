using System.Runtime.InteropServices;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary>Runs a plan into a results folder: what `lab eval` and `lab sweep` do after reading their options.</summary>
internal static class EvalDriver
{
    /// <summary>Exit code of a run that was stopped by Ctrl-C.</summary>
    internal const int Interrupted = 130;

    /// <summary>
    /// A limit on file sizes (ulimit -f) shall come as an error of the write, not as the death of the process. The signal is handled after the write has
    /// failed, perhaps long after, so that this stays until the end.
    /// </summary>
    private static readonly PosixSignalRegistration? FileSizeSignal = OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create((PosixSignal)25, context => context.Cancel = true);

    internal static int Run(SweepPlan plan, string output, Shard? shard, Device device, CancellationToken stop)
    {
        using var models = EvalModels.Of(plan, device);
        if (!models.Loaded.Engine.OnCpu && plan.Protocols.SelectMany(name => plan.Variants(Protocol.Find(name))).FirstOrDefault(v => v.Schedule != Catalogue.Never || v.Recall is not null || v.Format is not null || v.Layers is not null) is { } scheduled)
            throw new LabException($"{scheduled.Name}: entries are stored in formats, dropped or chosen while generating, and shared by layers, on the CPU only: leave --device, or the schedule, the format, the recall and the layer map, out");
        var sets = SuiteTasks.Open(plan, models.Loaded, Repository.Find("data/suites"));
        var path = shard is { } part ? Path.Combine(output, part.Folder) : output;
        if (RunInto(models, plan, sets, path, stop, shard) is not { } rows) return Interrupted;
        if (shard is not null) Console.WriteLine($"{path}: shard {shard} is done; `lab merge {output}` joins the shards when all are");
        else Print(path, rows);
        return rows.Any(row => row.Failed is not null) ? 1 : 0;
    }

    /// <summary>Runs what a folder does not have yet and writes its tables, unless the caller has its own: all pairs of many methods take minutes to test.</summary>
    /// <returns>Its rows, or null when the run was stopped.</returns>
    internal static IReadOnlyList<EvalRow>? RunInto(EvalModels models, SweepPlan plan, IReadOnlyList<EvalSet> sets, string path, CancellationToken stop, Shard? shard = null, bool tables = true)
    {
        GC.KeepAlive(FileSizeSignal);
        using var folder = ResultFolder.Open(path, FolderCard.Of(plan, models, sets, shard));
        var progress = new ProgressLine();
        try
        {
            new EvalRunner(models, folder, plan.Seed).Run([.. sets.Select(set => set.Part(shard))], progress.Show, stop);
        }
        catch (OperationCanceledException)
        {
            progress.End();
            Console.Error.WriteLine($"stopped: {folder.Rows.Count} samples are in {path}; the same command goes on from there");
            return null;
        }
        finally
        {
            progress.End();
        }
        if (FailedSamples.InWords(folder.Rows) is { } failed) Console.Error.WriteLine($"{path}: {failed}");
        if (tables) ReportFiles.Write(path, folder.Rows, ResultFolder.ReadCard(path));
        return folder.Rows;
    }

    /// <summary>Prints the tables of a folder, with published figures where there are any, and the methods of <paramref name="compared"/> (null: all) in pairs.</summary>
    internal static void Print(string path, IReadOnlyList<EvalRow> rows, IReadOnlyList<EvalRow>? compared = null)
    {
        var (cells, card) = (ScoreCells.Of(rows), ResultFolder.ReadCard(path));
        Console.Write(ResultReport.Markdown(cells));
        var turns = TurnGaps.Of(rows);
        Console.Write(TurnReport.Markdown(turns));
        Console.Write(PublishedFigures.Beside(cells, card?.KnownAs));
        foreach (var words in Comparisons.InWords(Comparisons.Of(compared ?? rows))) Console.WriteLine(words);
        Console.Write($"\n{Provenance.Tables(rows, card)}{Provenance.Programs(rows)}");
        Console.WriteLine($"\n-> {path}: table.csv, comparisons.csv, table.md, {(turns.Count > 0 ? "turns.csv, " : "")}times.csv, rows.jsonl");
    }

    /// <summary>One line of progress on the error stream; where that is a file, a line every ten seconds.</summary>
    private sealed class ProgressLine
    {
        private DateTime _next = DateTime.MinValue;
        private bool _open;

        internal void Show(EvalProgress progress)
        {
            var now = DateTime.UtcNow;
            if (now < _next && progress.Done != progress.Total) return;
            _next = now + TimeSpan.FromSeconds(Console.IsErrorRedirected ? 10 : 0.2);
            var left = progress.Left is { } time ? $", {(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00} left" : "";
            Console.Error.Write($"{(Console.IsErrorRedirected ? "" : "\r")}{progress.Done} of {progress.Total} samples{left}{(Console.IsErrorRedirected ? "\n" : "   ")}");
            _open = !Console.IsErrorRedirected;
        }

        internal void End()
        {
            if (_open) Console.Error.WriteLine();
            _open = false;
        }
    }
}
