using System.Reflection;
using System.Text;
using Microsoft.AspNetCore.Html;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Formatting;

using Diagnostic = Microsoft.CodeAnalysis.Diagnostic;

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
        typeof(Kernel).FullName!,
    ];

    /// <summary>Assemblies of this program that cells use; they must be the same ones.</summary>
    static readonly Assembly[] Shared = [typeof(Kernel).Assembly, typeof(Formatter).Assembly, typeof(IHtmlContent).Assembly, typeof(System.Reactive.Unit).Assembly];

    readonly string directory;
    readonly InteractiveAssemblyLoader loader = new();
    readonly PackageRestore packages;
    readonly AssemblyProbe probe;
    readonly PackageExtensions extensions;

    /// <param name="directory">Where relative paths of <c>#r</c> and <c>#load</c> start.</param>
    internal Submissions(string directory)
    {
        this.directory = Path.GetFullPath(directory);
        foreach (var assembly in Shared)
        {
            loader.RegisterDependency(assembly);
        }
        packages = new PackageRestore(this.directory);
        probe = new AssemblyProbe(packages);
        extensions = new PackageExtensions(loader, probe.Managed, found.Add);
        Ready = Task.Run(WarmUp);
    }

    /// <summary>Assemblies of packages that no submission has referenced yet.</summary>
    readonly List<string> found = [];

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

    /// <summary>Makes what a cell asks for known: packages are restored, their extensions loaded, and what a dll needs is found beside it.</summary>
    /// <exception cref="RefusedException">A package cannot be restored, or its extension fails.</exception>
    internal async Task Add(Directives wanted, KernelInvocationContext context, CancellationToken interrupt)
    {
        if (wanted.Packages.Count > 0 || wanted.Sources.Count > 0)
        {
            await packages.Add(wanted.Packages, wanted.Sources, interrupt).ConfigureAwait(false);
            found.AddRange(packages.Files.Managed.Except(found));
        }
        var resolver = OptionsFor("cell").MetadataResolver;
        probe.AddFoldersOf(wanted.Files.SelectMany(file => resolver.ResolveReference(file, null, MetadataReferenceProperties.Assembly)).Select(one => one.FilePath));
        await extensions.Load(probe.Extensions, context).ConfigureAwait(false);
    }

    /// <summary>Compiles code as the next submission.</summary>
    /// <returns>The script, with everything the compiler has to say.</returns>
    internal (Script<object> Script, IReadOnlyList<Diagnostic> Found) Compile(string code, string cell, CancellationToken interrupt)
    {
        var options = OptionsFor(cell).WithReferences(found.Select(file => MetadataReference.CreateFromFile(file)));
        var script = (Script<object>)Latest!.Script.ContinueWith<object>(code, options);
        var diagnostics = script.Compile(interrupt);
        if (diagnostics.All(one => one.Severity != DiagnosticSeverity.Error)) found.Clear();   // later submissions inherit them
        return (script, diagnostics);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        extensions.Dispose();
        probe.Dispose();
        loader.Dispose();
    }

    /// <summary>The first submission, which carries references and imports, and a second, which loads the rest of the compiler.</summary>
    async Task WarmUp()
    {
        var options = OptionsFor("In[0]").WithReferences(platform.Value).WithImports(Imports);
        var first = CSharpScript.Create<object>("", options, assemblyLoader: loader);
        var started = await first.RunAsync().ConfigureAwait(false);
        var second = started.Script.ContinueWith<object>("(await System.Threading.Tasks.Task.FromResult(new[] { 1 })).Select(x => $\"{x}\").ToList()", OptionsFor("In[0]"));
        var warmed = await second.RunFromAsync(started).ConfigureAwait(false);
        Latest = started;
        _ = Task.Run(() => Bundle.Of(warmed.ReturnValue));   // the formatters load while the first cell compiles
    }

    string[] SearchPaths() => [directory, Environment.CurrentDirectory];

    /// <summary>The assemblies of the framework itself, not those of this program, and the display helpers; read once for all sessions.</summary>
    static readonly Lazy<MetadataReference[]> platform = new(() => [.. PlatformReferences()]);

    static IEnumerable<MetadataReference> PlatformReferences()
    {
        var framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var trusted = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        return trusted.Where(file => Path.GetDirectoryName(file) == framework)
            .Concat(Shared.Select(assembly => assembly.Location))
            .Select(file => MetadataReference.CreateFromFile(file));
    }
}
