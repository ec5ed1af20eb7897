using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Runs the cells of one session: each is compiled as a Roslyn script submission that continues the one before, in C# 14 with the
/// default imports of .NET Interactive. References and imports are passed with the first submission only; later ones inherit them,
/// which keeps 200 cells below 60 MB. One cell runs at a time: the caller sees to that.
/// </summary>
internal sealed class CSharpEngine : IDisposable
{
    static readonly string[] Imports =
    [
        "System", "System.Text", "System.Collections", "System.Collections.Generic", "System.Threading.Tasks", "System.Linq",
        "Microsoft.DotNet.Interactive.Kernel",
    ];

    readonly string directory;
    readonly Action? drain;
    readonly InteractiveAssemblyLoader loader = new();
    readonly CellErrors errors = new();
    readonly PackageRestore packages;
    readonly AssemblyProbe probe;
    readonly Task warm;
    ScriptState<object>? state;

    /// <summary>Starts a session and begins to warm the compiler up.</summary>
    /// <param name="directory">Where relative paths of <c>#r</c> and <c>#load</c> start, the notebook's folder.</param>
    /// <param name="drain">Called at the end of each cell: waits for output that is still on its way; null: nothing to wait for.</param>
    internal CSharpEngine(string directory, Action? drain = null)
    {
        this.drain = drain;
        this.directory = Path.GetFullPath(directory);
        loader.RegisterDependency(typeof(Microsoft.DotNet.Interactive.Kernel).Assembly);
        packages = new PackageRestore(this.directory);
        probe = new AssemblyProbe(packages);
        warm = Task.Run(WarmUp);
    }

    /// <summary>Completes when the first cell will run at full speed.</summary>
    internal Task Ready => warm;

    /// <summary>The last submission that ran, which the next continues; null before the session is warm.</summary>
    internal Script<object>? Latest => state?.Script as Script<object>;

    /// <summary>The value of a cell's variable as text, or null when there is none.</summary>
    internal string? Variable(string name) => state?.GetVariable(name)?.Value.ToDisplayString();

    /// <summary>Options of a submission after the first.</summary>
    internal ScriptOptions OptionsFor(string cell) => ScriptOptions.Default
        .WithLanguageVersion(LanguageVersion.CSharp14)
        .WithReferences(Array.Empty<MetadataReference>())
        .WithImports(Array.Empty<string>())
        .WithAllowUnsafe(true)
        .WithOptimizationLevel(OptimizationLevel.Release)
        .WithEmitDebugInformation(true)
        .WithFileEncoding(Encoding.UTF8)
        .WithFilePath(cell)
        .WithMetadataResolver(ScriptMetadataResolver.Default.WithBaseDirectory(directory).WithSearchPaths(SearchPaths()))
        .WithSourceResolver(new SourceFileResolver(SearchPaths(), directory));

    /// <summary>Runs a cell to its end. Failures are results, not exceptions.</summary>
    /// <param name="code">The cell's text.</param>
    /// <param name="cell">Its name in errors, <c>In[n]</c>.</param>
    /// <param name="host">Takes its output and can interrupt it.</param>
    internal async Task<CellResult> Execute(string code, string cell, CellHost host)
    {
        errors.Remember(cell, code);
        try
        {
            await warm.ConfigureAwait(false);
            var script = await Compile(code, cell, host.Interrupted).ConfigureAwait(false);
            if (script.Errors is { } failed)
            {
                return new CellResult(null, failed);
            }
            // The state is kept here, not in RunAndFormat: an abandoned cell that ends later must not bring back an old one.
            (state, var result) = await Interruption.Run(() => RunAndFormat(script.Script!, host), host.Interrupted).ConfigureAwait(false);
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
    public void Dispose()
    {
        probe.Dispose();
        loader.Dispose();
    }

    async Task<(Script<object>? Script, CellError? Errors)> Compile(string code, string cell, CancellationToken interrupt)
    {
        var directives = Directives.Parse(code);
        var options = OptionsFor(cell);
        if (directives.Packages.Count > 0 || directives.Sources.Count > 0)
        {
            var files = await packages.Add(directives.Packages, directives.Sources, interrupt).ConfigureAwait(false);
            options = options.WithReferences(files.Select(file => MetadataReference.CreateFromFile(file)));
        }
        foreach (var file in directives.Files)
        {
            probe.AddFolderOf(options.MetadataResolver.ResolveReference(file, null, MetadataReferenceProperties.Assembly));
        }
        var script = (Script<object>)state!.Script.ContinueWith<object>(directives.Code, options);
        var found = script.Compile(interrupt);
        return found.Any(one => one.Severity == DiagnosticSeverity.Error) ? (null, errors.OfDiagnostics(found)) : (script, null);
    }

    async Task<(ScriptState<object> State, CellResult Result)> RunAndFormat(Script<object> script, CellHost host)
    {
        host.Enter();
        var after = await script.RunFromAsync(state!, static _ => true, host.Interrupted).ConfigureAwait(false);
        try
        {
            return (after, after.Exception is { } thrown ? new CellResult(null, OfThrown(thrown, host)) : ValueOf(after.ReturnValue));
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

    static CellResult ValueOf(object? value) =>
        new(value is null or DisplayedValue ? null : FormattedValue.CreateManyFromObject(value), null);

    /// <summary>The first submission, which carries references and imports, and a second, which loads the rest of the compiler.</summary>
    async Task WarmUp()
    {
        var options = OptionsFor("In[0]").WithReferences(PlatformReferences()).WithImports(Imports);
        var first = CSharpScript.Create<object>("", options, assemblyLoader: loader);
        var started = await first.RunAsync().ConfigureAwait(false);
        var second = started.Script.ContinueWith<object>("(await System.Threading.Tasks.Task.FromResult(new[] { 1 })).Select(x => $\"{x}\").ToList()", OptionsFor("In[0]"));
        var warmed = await second.RunFromAsync(started).ConfigureAwait(false);
        FormattedValue.CreateManyFromObject(warmed.ReturnValue, "text/html");
        state = started;
    }

    string[] SearchPaths() => [directory, Environment.CurrentDirectory];

    /// <summary>The assemblies of the framework itself, not those of this program, and the display helpers.</summary>
    static IEnumerable<MetadataReference> PlatformReferences()
    {
        var framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var trusted = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        return trusted.Where(file => Path.GetDirectoryName(file) == framework)
            .Append(typeof(Microsoft.DotNet.Interactive.Kernel).Assembly.Location)
            .Select(file => MetadataReference.CreateFromFile(file));
    }
}
