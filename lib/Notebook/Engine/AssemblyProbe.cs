using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Finds what assemblies of <c>#r</c> need and the script loader does not find: managed and native files beside the dll, in
/// <c>runtimes/{rid}</c> below it, in the packages its <c>.deps.json</c> names (a class library's bin folder holds neither its
/// packages nor their native files), and in the packages of <c>#r "nuget:"</c>.
/// </summary>
internal sealed class AssemblyProbe : IDisposable
{
    readonly PackageRestore packages;
    readonly ConcurrentDictionary<string, DependencyFiles> folders = [];
    readonly ConcurrentDictionary<AssemblyLoadContext, bool> hooked = [];

    internal AssemblyProbe(PackageRestore packages)
    {
        this.packages = packages;
        AppDomain.CurrentDomain.AssemblyLoad += OnLoad;
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += FindNative;   // of what extensions need
    }

    /// <summary>Also looks into the folders of these dlls.</summary>
    internal void AddFoldersOf(IEnumerable<string?> files)
    {
        foreach (var file in files)
        {
            AddFolder(Path.GetDirectoryName(file));
        }
        ShareFSharp();
    }

    /// <summary>
    /// Roslyn's loader gives every assembly a context of its own and, asked for FSharp.Core by two libraries built for different versions, loads it
    /// twice: their lists and functions then do not fit each other (Plotly.NET and Giraffe.ViewEngine). In the default context it is one for all.
    /// </summary>
    void ShareFSharp()
    {
        if (Managed("FSharp.Core") is { } file && AssemblyLoadContext.Default.Assemblies.All(one => one.GetName().Name != "FSharp.Core"))
        {
            AssemblyLoadContext.Default.LoadFromAssemblyPath(file);
        }
    }

    /// <summary>What the packages of <c>#r "nuget:"</c>, and those of the dlls, bring for notebooks.</summary>
    internal IEnumerable<string> Extensions => packages.Files.Extensions.Concat(folders.Values.SelectMany(folder => folder.Extensions));

    /// <summary>The path of an assembly, or null.</summary>
    internal string? Managed(string name) => folders.Values.Select(folder => folder.Managed(name)).FirstOrDefault(found => found is not null) ?? packages.Files.FindManaged(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        AppDomain.CurrentDomain.AssemblyLoad -= OnLoad;
        AssemblyLoadContext.Default.ResolvingUnmanagedDll -= FindNative;
        foreach (var context in hooked.Keys)
        {
            context.Resolving -= FindManaged;
            context.ResolvingUnmanagedDll -= FindNative;
        }
    }

    void AddFolder(string? folder)
    {
        if (!string.IsNullOrEmpty(folder))
        {
            folders.GetOrAdd(folder, static one => new DependencyFiles(one));
        }
    }

    void OnLoad(object? sender, AssemblyLoadEventArgs loaded)
    {
        ChartFormatter.OnLoad(loaded.LoadedAssembly);
        var context = AssemblyLoadContext.GetLoadContext(loaded.LoadedAssembly);
        if (context is null || context == AssemblyLoadContext.Default || loaded.LoadedAssembly.IsDynamic)
        {
            return;
        }
        if (loaded.LoadedAssembly.Location is { Length: > 0 } location)
        {
            AddFolder(Path.GetDirectoryName(location));
        }
        if (hooked.TryAdd(context, true))
        {
            context.Resolving += FindManaged;
            context.ResolvingUnmanagedDll += FindNative;
        }
    }

    Assembly? FindManaged(AssemblyLoadContext context, AssemblyName name)
    {
        return Managed(name.Name!) is { } file ? context.LoadFromAssemblyPath(file) : null;
    }

    nint FindNative(Assembly assembly, string name)
    {
        var names = DependencyFiles.NativeNames(name);
        foreach (var file in folders.Values.SelectMany(folder => folder.Native(names)).Concat(packages.Files.FindNative(names)))
        {
            if (NativeLibrary.TryLoad(file, out var handle))
            {
                return handle;
            }
        }
        return 0;
    }
}
