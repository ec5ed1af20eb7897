using System.Globalization;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Headless;

/// <summary>The commands <c>check</c> and <c>compare</c>: do committed outputs still say what a run says?</summary>
internal static class CommittedCheck
{
    /// <summary>The most a cell of a lesson may take, in seconds: nobody waits longer without doubting it.</summary>
    const double LongestCell = 60;

    /// <summary>Runs a notebook with its own parameters beside itself and compares.</summary>
    /// <returns>0 the same, 1 different, a cell too slow or failed.</returns>
    /// <exception cref="NotebookException">A wrong option, or no notebook.</exception>
    internal static int Run(IReadOnlyList<string> arguments)
    {
        var (files, limits) = Parse("check", arguments, "NB.ipynb", 1);
        WithOutputs(files[0]);
        var fresh = Path.Combine(Path.GetTempPath(), $"check-{Environment.ProcessId}.ipynb");
        try
        {
            var code = Supervisor.Run(new RunOptions(files[0], fresh, null, [], null, false), [files[0], "-o", fresh]);
            return code != 0 ? code : Report(files[0], fresh, limits);
        }
        finally
        {
            File.Delete(fresh);
        }
    }

    /// <summary>Compares two executed files of a notebook.</summary>
    /// <returns>0 the same, 1 different or a cell too slow.</returns>
    /// <exception cref="NotebookException">A wrong option, or no notebook.</exception>
    internal static int Compare(IReadOnlyList<string> arguments)
    {
        var (files, limits) = Parse("compare", arguments, "COMMITTED.ipynb FRESH.ipynb", 2);
        return Report(files[0], files[1], limits);
    }

    static int Report(string committed, string fresh, Limits limits)
    {
        var (tolerance, longest) = limits;
        var run = NotebookDocument.Load(fresh);
        var differences = NotebookComparison.Differences(WithOutputs(committed), run, tolerance);
        foreach (var difference in differences)
        {
            Console.WriteLine($"{committed}: {difference}");
        }
        var slow = ReportTimes(committed, run, longest);
        Console.WriteLine(FormattableString.Invariant($"{committed}: {(differences.Count == 0 ? "the committed outputs are those of this run" : $"{differences.Count} differences to this run")} (numbers within {tolerance.Relative * 100:0.###} % or {tolerance.Absolute:0.######})"));
        return differences.Count == 0 && !slow ? 0 : 1;
    }

    /// <summary>Names the cells that took too long, and the longest; says nothing of a run that took no times.</summary>
    /// <returns>Whether one took too long.</returns>
    static bool ReportTimes(string committed, NotebookDocument run, double longest)
    {
        var times = run.Cells.Index().Where(pair => pair.Item.Times is not null)
            .Select(pair => (Place: $"cell {pair.Index + 1} ({pair.Item.Id})", Seconds: (pair.Item.Times!.Value.Ended - pair.Item.Times.Value.Began).TotalSeconds)).ToArray();
        var slow = times.Where(time => time.Seconds > longest).ToArray();
        foreach (var (place, seconds) in slow)
        {
            Console.WriteLine(FormattableString.Invariant($"{committed}: {place} took {seconds:0.0} s; a cell may take {longest:0.###} s (--longest)"));
        }
        if (times.Length > 0)
        {
            var (place, seconds) = times.MaxBy(time => time.Seconds);
            Console.WriteLine(FormattableString.Invariant($"{committed}: the longest cell took {seconds:0.0} s: {place}"));
        }
        return slow.Length > 0;
    }

    static NotebookDocument WithOutputs(string file)
    {
        var notebook = NotebookDocument.Load(file);
        return notebook.Cells.Any(cell => cell.Outputs.Any())
            ? notebook
            : throw new NotebookException($"{file}: is committed without outputs; put them in: run {file} -o {file}");
    }

    static (IReadOnlyList<string> Files, Limits Limits) Parse(string command, IReadOnlyList<string> arguments, string wanted, int count)
    {
        var (files, tolerance, longest) = (new List<string>(), new Tolerance(), LongestCell);
        for (var i = 0; i < arguments.Count; i++)
        {
            double Number() => ++i < arguments.Count && double.TryParse(arguments[i], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0
                ? number
                : throw new NotebookException($"{command}: {arguments[Math.Min(i, arguments.Count) - 1]} needs a number after it, for example 0.05.");
            switch (arguments[i])
            {
                case "--relative":
                    tolerance = tolerance with { Relative = Number() };
                    break;
                case "--absolute":
                    tolerance = tolerance with { Absolute = Number() };
                    break;
                case "--longest":
                    longest = Number();
                    break;
                case ['-', ..] unknown:
                    throw new NotebookException($"{command}: unknown option {unknown}; the options are --relative, --absolute and --longest.");
                default:
                    files.Add(arguments[i]);
                    break;
            }
        }
        return files.Count == count ? (files, new Limits(tolerance, longest)) : throw new NotebookException($"{command}: write {command} {wanted}");
    }

    /// <param name="Tolerance">How far numbers may be apart.</param>
    /// <param name="Longest">Seconds a cell may take.</param>
    sealed record Limits(Tolerance Tolerance, double Longest);
}
