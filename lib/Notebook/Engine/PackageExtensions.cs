using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using Microsoft.DotNet.Interactive;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Loads what packages bring for notebooks, <c>interactive-extensions/dotnet/*.dll</c>: formatters mostly. An extension and what it needs stand in
/// the default context, and cells get the same assemblies, so that it knows the types that cells show.
/// </summary>
internal sealed class PackageExtensions : IDisposable
{
    readonly InteractiveAssemblyLoader loader;
    readonly Func<string, string?> find;
    readonly Action<string> shared;
    readonly HashSet<string> loaded = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Names of what extensions need: this alone is looked for, all else stays in the contexts of the cells.</summary>
    readonly ConcurrentDictionary<string, bool> needed = [];

    /// <param name="loader">Loads for cells.</param>
    /// <param name="find">The path of an assembly by its name, or null.</param>
    /// <param name="shared">Told of each assembly that an extension needs: cells must reference it before they see the extension.</param>
    internal PackageExtensions(InteractiveAssemblyLoader loader, Func<string, string?> find, Action<string> shared)
    {
        (this.loader, this.find, this.shared) = (loader, find, shared);
        AssemblyLoadContext.Default.Resolving += Resolve;
    }

    /// <summary>Loads those that are new.</summary>
    /// <exception cref="RefusedException">One failed.</exception>
    internal async Task Load(IEnumerable<string> files, KernelInvocationContext context)
    {
        foreach (var file in files.Where(file => loaded.Add(Path.GetFileName(file))).ToArray())
        {
            try
            {
                Need(file);
                var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(file);
                loader.RegisterDependency(assembly);
                foreach (var name in assembly.GetReferencedAssemblies().Where(one => find(one.Name!) is not null))
                {
                    shared(find(name.Name!)!);
                    loader.RegisterDependency(AssemblyLoadContext.Default.LoadFromAssemblyName(name));
                }
                foreach (var type in assembly.GetTypes().Where(type => typeof(IKernelExtension).IsAssignableFrom(type) && !type.IsAbstract))
                {
                    await ((IKernelExtension)Activator.CreateInstance(type)!).OnLoadAsync(context.HandlingKernel).ConfigureAwait(false);
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                throw new RefusedException($"the extension {file} failed: {exception.Message}");
            }
        }
        ChartFormatter.RegisterAgain();
    }

    /// <inheritdoc/>
    public void Dispose() => AssemblyLoadContext.Default.Resolving -= Resolve;

    Assembly? Resolve(AssemblyLoadContext context, AssemblyName name)
    {
        if (!needed.ContainsKey(name.Name!)) return null;
        // What a cell has loaded already is taken as it is.
        return AppDomain.CurrentDomain.GetAssemblies().FirstOrDefault(one => one.GetName().Name == name.Name)
            ?? (find(name.Name!) is { } file ? context.LoadFromAssemblyPath(file) : null);
    }

    /// <summary>Notes what a file needs, and what that needs, before any of it is loaded.</summary>
    void Need(string file)
    {
        using var image = new PEReader(File.OpenRead(file));
        var metadata = image.GetMetadataReader();
        foreach (var name in metadata.AssemblyReferences.Select(one => metadata.GetString(metadata.GetAssemblyReference(one).Name)))
        {
            if (needed.TryAdd(name, true) && find(name) is { } further) Need(further);
        }
    }
}
