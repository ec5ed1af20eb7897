using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Words errors with the reader's own lines: a compile error underlines its place; an exception names the cell and line of each
/// frame that lies in a cell and leaves out the frames of the script engine.
/// </summary>
internal sealed partial class CellErrors
{
    readonly Dictionary<string, string[]> sources = [];

    /// <summary>Remembers the text of a cell for frames that point into it.</summary>
    /// <param name="cell">The name it is compiled under, for example <c>In[3]</c>.</param>
    /// <param name="code">Its text.</param>
    internal void Remember(string cell, string code) => sources[cell] = code.ReplaceLineEndings("\n").Split('\n');

    internal CellError OfDiagnostics(IEnumerable<Diagnostic> diagnostics)
    {
        var errors = diagnostics.Where(one => one.Severity == DiagnosticSeverity.Error).ToArray();
        var traceback = new List<string>();
        foreach (var error in errors.Take(10))
        {
            var span = error.Location.GetLineSpan();
            var (line, start) = (span.StartLinePosition.Line, span.StartLinePosition.Character);
            var place = span.IsValid ? $"{(span.Path.Length > 0 ? span.Path : "cell")}, line {line + 1}, column {start + 1}: " : "";
            traceback.Add($"{place}{error.Id}: {error.GetMessage()}");
            if (span.IsValid && SourceLine(span.Path, line) is { } text)
            {
                var end = span.EndLinePosition.Line == line ? span.EndLinePosition.Character : text.Length;
                traceback.Add("    " + text);
                traceback.Add("    " + string.Concat(text.Take(start).Select(c => c == '\t' ? '\t' : ' ')) + new string('~', Math.Max(1, end - start)));
            }
        }
        if (errors.Length > 10)
        {
            traceback.Add($"... and {errors.Length - 10} more errors");
        }
        var first = errors.Length > 0 ? $"{errors[0].Id}: {errors[0].GetMessage()}" : "the code does not compile";
        return new CellError("Error", first, traceback);
    }

    internal CellError OfException(Exception exception)
    {
        var traceback = new List<string>();
        Describe(Unwrap(exception), traceback, "");
        return new CellError(Unwrap(exception).GetType().ToString(), exception.Message, traceback);
    }

    static Exception Unwrap(Exception exception) =>
        exception is AggregateException { InnerExceptions.Count: 1 } single ? Unwrap(single.InnerException!) : exception;

    void Describe(Exception exception, List<string> traceback, string prefix)
    {
        traceback.Add($"{prefix}{exception.GetType()}: {exception.Message}");
        foreach (var line in (exception.StackTrace ?? "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (Frame(line) is { } frame)
            {
                traceback.AddRange(frame);
            }
        }
        if (exception is AggregateException several)
        {
            foreach (var inner in several.InnerExceptions.Take(5))
            {
                Describe(Unwrap(inner), traceback, "  caused by ");
            }
        }
        else if (exception.InnerException is { } inner)
        {
            Describe(Unwrap(inner), traceback, "  caused by ");
        }
    }

    string[]? Frame(string line)
    {
        if (CellFrame().Match(line) is { Success: true } own && sources.ContainsKey(own.Groups["cell"].Value))
        {
            var number = int.Parse(own.Groups["line"].Value);
            var place = $"   at {Place(own.Groups["method"].Value)} in {own.Groups["cell"].Value}, line {number}";
            return SourceLine(own.Groups["cell"].Value, number - 1) is { } text ? [place, "      " + text.Trim()] : [place];
        }
        var ofTheEngine = line.Contains("Microsoft.CodeAnalysis.Scripting", StringComparison.Ordinal)
            || line.Contains("HeadKvLab.Notebook.Engine", StringComparison.Ordinal)
            || line.Contains("ControlledExecution", StringComparison.Ordinal)
            || line.StartsWith("---", StringComparison.Ordinal)
            || line.Contains("at Submission#", StringComparison.Ordinal);
        return ofTheEngine ? null : ["   " + line];
    }

    /// <summary><c>Submission#2.&lt;&lt;Initialize&gt;&gt;d__0.MoveNext()</c> is the cell itself; <c>Submission#2.F(Int32 n)</c> is F.</summary>
    static string Place(string method)
    {
        var inside = SubmissionPrefix().Replace(method, "");
        return inside.Contains("Initialize>", StringComparison.Ordinal) || inside.StartsWith('<') && inside.Contains("MoveNext", StringComparison.Ordinal)
            ? "<cell>"
            : inside;
    }

    string? SourceLine(string cell, int line) =>
        sources.TryGetValue(cell, out var lines) && line >= 0 && line < lines.Length ? lines[line] : null;

    [GeneratedRegex(@"^at (?<method>.+) in (.*[\\/])?(?<cell>In\[[^\]]+\]):line (?<line>\d+)$")]
    private static partial Regex CellFrame();

    [GeneratedRegex(@"^Submission#\d+\.")]
    private static partial Regex SubmissionPrefix();
}
