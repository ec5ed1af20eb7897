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
    }

    /// <summary>Also looks into the folder of this dll.</summary>
    /// <param name="references">What the reference resolved to.</param>
    internal void AddFolderOf(IEnumerable<Microsoft.CodeAnalysis.PortableExecutableReference> references)
    {
        foreach (var reference in references)
        {
            AddFolder(Path.GetDirectoryName(reference.FilePath));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        AppDomain.CurrentDomain.AssemblyLoad -= OnLoad;
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
            folders.GetOrAdd(folder, DependencyFiles.Of);
        }
    }

    void OnLoad(object? sender, AssemblyLoadEventArgs loaded)
    {
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
        var file = folders.Values.Select(folder => folder.Managed(name.Name!)).FirstOrDefault(found => found is not null)
            ?? packages.Managed(name.Name!);
        return file is null ? null : context.LoadFromAssemblyPath(file);
    }

    nint FindNative(Assembly assembly, string name)
    {
        foreach (var file in folders.Values.SelectMany(folder => folder.Native(name)).Concat(packages.Native(name)))
        {
            if (NativeLibrary.TryLoad(file, out var handle))
            {
                return handle;
            }
        }
        return 0;
    }
}
