using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// The Roslyn script submissions of a session, each of which continues the one before, in C# 14 with the default imports of .NET
/// Interactive. References and imports are passed with the first only; later ones inherit them, which keeps 200 cells below 60 MB.
/// </summary>
internal sealed class Submissions : IDisposable
{
    static readonly string[] Imports =
    [
        "System", "System.Text", "System.Collections", "System.Collections.Generic", "System.Threading.Tasks", "System.Linq",
        "Microsoft.DotNet.Interactive.Kernel",
    ];

    readonly string directory;
    readonly InteractiveAssemblyLoader loader = new();
    readonly PackageRestore packages;
    readonly AssemblyProbe probe;

    /// <param name="directory">Where relative paths of <c>#r</c> and <c>#load</c> start.</param>
    internal Submissions(string directory)
    {
        this.directory = Path.GetFullPath(directory);
        loader.RegisterDependency(typeof(Microsoft.DotNet.Interactive.Kernel).Assembly);
        packages = new PackageRestore(this.directory);
        probe = new AssemblyProbe(packages);
        Ready = Task.Run(WarmUp);
    }

    /// <summary>Completes when the first cell will run at full speed.</summary>
    internal Task Ready { get; }

    /// <summary>What the last submission left, which the next continues; null before the session is ready.</summary>
    internal ScriptState<object>? Latest { get; set; }

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

    /// <summary>Compiles a cell as the next submission, once its packages are there.</summary>
    /// <returns>The script, with everything the compiler has to say.</returns>
    /// <exception cref="DirectiveException">A directive this kernel does not know, or one written wrongly.</exception>
    /// <exception cref="PackageException">A package cannot be restored.</exception>
    internal async Task<(Script<object> Script, IReadOnlyList<Diagnostic> Found)> Compile(string code, string cell, CancellationToken interrupt)
    {
        await Ready.ConfigureAwait(false);
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
        var script = (Script<object>)Latest!.Script.ContinueWith<object>(directives.Code, options);
        return (script, script.Compile(interrupt));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        probe.Dispose();
        loader.Dispose();
    }

    /// <summary>The first submission, which carries references and imports, and a second, which loads the rest of the compiler.</summary>
    async Task WarmUp()
    {
        var options = OptionsFor("In[0]").WithReferences(PlatformReferences()).WithImports(Imports);
        var first = CSharpScript.Create<object>("", options, assemblyLoader: loader);
        var started = await first.RunAsync().ConfigureAwait(false);
        var second = started.Script.ContinueWith<object>("(await System.Threading.Tasks.Task.FromResult(new[] { 1 })).Select(x => $\"{x}\").ToList()", OptionsFor("In[0]"));
        var warmed = await second.RunFromAsync(started).ConfigureAwait(false);
        FormattedValue.CreateManyFromObject(warmed.ReturnValue, "text/html");
        Latest = started;
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
