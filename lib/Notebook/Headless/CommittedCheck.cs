using System.Globalization;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Headless;

/// <summary>The commands <c>check</c> and <c>compare</c>: do committed outputs still say what a run says?</summary>
internal static class CommittedCheck
{
    /// <summary>Runs a notebook with its own parameters beside itself and compares.</summary>
    /// <returns>0 the same, 1 different or a cell failed.</returns>
    /// <exception cref="NotebookException">A wrong option, or no notebook.</exception>
    internal static int Run(IReadOnlyList<string> arguments)
    {
        var (files, tolerance) = Parse("check", arguments, "NB.ipynb", 1);
        WithOutputs(files[0]);
        var fresh = Path.Combine(Path.GetTempPath(), $"check-{Environment.ProcessId}.ipynb");
        try
        {
            var code = Supervisor.Run(new RunOptions(files[0], fresh, null, [], null, false), [files[0], "-o", fresh]);
            return code != 0 ? code : Report(files[0], fresh, tolerance);
        }
        finally
        {
            File.Delete(fresh);
        }
    }

    /// <summary>Compares two executed files of a notebook.</summary>
    /// <returns>0 the same, 1 different.</returns>
    /// <exception cref="NotebookException">A wrong option, or no notebook.</exception>
    internal static int Compare(IReadOnlyList<string> arguments)
    {
        var (files, tolerance) = Parse("compare", arguments, "COMMITTED.ipynb FRESH.ipynb", 2);
        return Report(files[0], files[1], tolerance);
    }

    static int Report(string committed, string fresh, Tolerance tolerance)
    {
        var differences = NotebookComparison.Differences(WithOutputs(committed), NotebookDocument.Load(fresh), tolerance);
        foreach (var difference in differences)
        {
            Console.WriteLine($"{committed}: {difference}");
        }
        Console.WriteLine(FormattableString.Invariant($"{committed}: {(differences.Count == 0 ? "the committed outputs are those of this run" : $"{differences.Count} differences to this run")} (numbers within {tolerance.Relative * 100:0.###} % or {tolerance.Absolute:0.######})"));
        return differences.Count == 0 ? 0 : 1;
    }

    static NotebookDocument WithOutputs(string file)
    {
        var notebook = NotebookDocument.Load(file);
        return notebook.Cells.Any(cell => cell.Outputs.Any())
            ? notebook
            : throw new NotebookException($"{file}: is committed without outputs; put them in: run {file} -o {file}");
    }

    static (IReadOnlyList<string> Files, Tolerance Tolerance) Parse(string command, IReadOnlyList<string> arguments, string wanted, int count)
    {
        var (files, tolerance) = (new List<string>(), new Tolerance());
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
                case ['-', ..] unknown:
                    throw new NotebookException($"{command}: unknown option {unknown}; the options are --relative and --absolute.");
                default:
                    files.Add(arguments[i]);
                    break;
            }
        }
        return files.Count == count ? (files, tolerance) : throw new NotebookException($"{command}: write {command} {wanted}");
    }
}
