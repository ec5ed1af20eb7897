using System.Globalization;

namespace HeadKvLab.Notebook.Headless;

/// <summary>What <c>run</c> was asked to do.</summary>
/// <param name="Notebook">The notebook file.</param>
/// <param name="Output">Where the executed notebook goes, or null.</param>
/// <param name="Html">Where the page goes, or null.</param>
/// <param name="Parameters">Names and values for the cell tagged "parameters".</param>
/// <param name="Timeout">The longest a cell may take, or null for no limit.</param>
/// <param name="AllowErrors">Go on after a failed cell.</param>
internal sealed record RunOptions(
    string Notebook, string? Output, string? Html, IReadOnlyList<(string Name, string Value)> Parameters, TimeSpan? Timeout, bool AllowErrors)
{
    /// <exception cref="NotebookException">An unknown option or a missing or wrong value.</exception>
    internal static RunOptions Parse(IReadOnlyList<string> arguments)
    {
        string? notebook = null, output = null, html = null;
        var parameters = new List<(string, string)>();
        TimeSpan? timeout = null;
        var allowErrors = false;
        for (var i = 0; i < arguments.Count; i++)
        {
            string Value(string what) => ++i < arguments.Count
                ? arguments[i]
                : throw new NotebookException($"run: {arguments[^1]} needs {what} after it.");
            switch (arguments[i])
            {
                case "-o" or "--output":
                    output = Value("a file");
                    break;
                case "--html":
                    html = Value("a file");
                    break;
                case "-p" or "--parameter":
                    parameters.Add((Value("a name and a value"), Value("a name and a value")));
                    break;
                case "--timeout":
                    timeout = Seconds(Value("a number of seconds"));
                    break;
                case "--allow-errors":
                    allowErrors = true;
                    break;
                case ['-', ..] unknown:
                    throw new NotebookException($"run: unknown option {unknown}; the options are -o, --html, -p, --timeout and --allow-errors.");
                default:
                    notebook = notebook is null ? arguments[i] : throw new NotebookException($"run: one notebook at a time, not both {notebook} and {arguments[i]}.");
                    break;
            }
        }
        return notebook is null
            ? throw new NotebookException("run: which notebook? For example: run notebooks/00-quickstart.ipynb --html out.html")
            : new RunOptions(notebook, output, html, parameters, timeout, allowErrors);
    }

    static TimeSpan Seconds(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 1e6
            ? TimeSpan.FromSeconds(seconds)
            : throw new NotebookException($"run: --timeout {text}: give the seconds a cell may take, for example --timeout 600.");
}
