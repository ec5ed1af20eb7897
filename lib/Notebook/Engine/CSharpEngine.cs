using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Runs the cells of one session and makes results of everything that can happen to them. One cell runs at a time: the caller sees to
/// that.
/// </summary>
internal sealed class CSharpEngine : IDisposable
{
    readonly Action? drain;
    readonly CellErrors errors = new();
    readonly Submissions submissions;

    /// <summary>Starts a session and begins to warm the compiler up.</summary>
    /// <param name="directory">Where relative paths of <c>#r</c> and <c>#load</c> start, the notebook's folder.</param>
    /// <param name="drain">Called at the end of each cell: waits for output that is still on its way; null: nothing to wait for.</param>
    internal CSharpEngine(string directory, Action? drain = null) => (submissions, this.drain) = (new Submissions(directory), drain);

    /// <summary>Completes when the first cell will run at full speed.</summary>
    internal Task Ready => submissions.Ready;

    /// <summary>The value of a cell's variable as text, or null when there is none.</summary>
    internal string? Variable(string name) => submissions.Latest?.GetVariable(name)?.Value.ToDisplayString();

    /// <summary>What the compiler would see if this text were the next cell; null before the session is ready.</summary>
    internal Compilation? Preview(string code) => submissions.Latest?.Script.ContinueWith(code, submissions.OptionsFor("cell")).GetCompilation();

    /// <summary>Runs a cell to its end. Failures are results, not exceptions.</summary>
    /// <param name="code">The cell's text.</param>
    /// <param name="cell">Its name in errors, <c>In[n]</c>.</param>
    /// <param name="host">Takes its output and can interrupt it.</param>
    internal async Task<CellResult> Execute(string code, string cell, CellHost host)
    {
        errors.Remember(cell, code);
        try
        {
            var (script, found) = await submissions.Compile(code, cell, host.Interrupted).ConfigureAwait(false);
            if (found.Any(one => one.Severity == DiagnosticSeverity.Error))
            {
                return new CellResult(null, errors.OfDiagnostics(found));
            }
            // The state is kept here, not in RunAndFormat: an abandoned cell that ends later must not bring back an old one.
            (submissions.Latest, var result) = await Interruption.Run(() => RunAndFormat(script, host), host.Interrupted).ConfigureAwait(false);
            return result;
        }
        catch (InterruptedException interrupted)
        {
            return new CellResult(null, CellError.Plain("Interrupted", interrupted.Message));
        }
        catch (OperationCanceledException) when (host.Interrupted.IsCancellationRequested)
        {
            return new CellResult(null, CellError.Plain("Interrupted", "The cell was interrupted."));
        }
        catch (Exception exception) when (exception is DirectiveException or PackageException)
        {
            return new CellResult(null, CellError.Plain("Error", $"{cell}, {exception.Message}"));
        }
        catch (Exception exception)
        {
            return new CellResult(null, errors.OfException(exception));
        }
        finally
        {
            drain?.Invoke();
            host.Leave();
            host.Flush();
        }
    }

    /// <summary>Whether the text is a whole cell, or ends inside a block or string.</summary>
    internal static bool IsComplete(string code) =>
        SyntaxFactory.IsCompleteSubmission(CSharpSyntaxTree.ParseText(code, CSharpParseOptions.Default.WithKind(SourceCodeKind.Script)));

    /// <inheritdoc/>
    public void Dispose() => submissions.Dispose();

    async Task<(ScriptState<object> State, CellResult Result)> RunAndFormat(Script<object> script, CellHost host)
    {
        host.Enter();
        var after = await script.RunFromAsync(submissions.Latest!, static _ => true, host.Interrupted).ConfigureAwait(false);
        try
        {
            return (after, after.Exception is { } thrown ? new CellResult(null, OfThrown(thrown, host)) : ValueOf(after.ReturnValue, host));
        }
        catch (Exception exception) when (exception is not ThreadAbortException)
        {
            // A formatter failed, or a lazy sequence did while it was written out; the cell's variables are there all the same.
            return (after, new CellResult(null, OfThrown(exception, host)));
        }
    }

    CellError OfThrown(Exception thrown, CellHost host) =>
        thrown is OperationCanceledException && host.Interrupted.IsCancellationRequested
            ? CellError.Plain("Interrupted", "The cell was interrupted.")
            : errors.OfException(thrown);

    static CellResult ValueOf(object? value, CellHost host) =>
        new(value is null or DisplayedValue ? null : host.Keep(FormattedValue.CreateManyFromObject(value)), null);
}
