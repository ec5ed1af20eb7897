using System.Reflection;
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
                var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(file);
                loader.RegisterDependency(assembly);
                foreach (var needed in assembly.GetReferencedAssemblies().Where(one => find(one.Name!) is not null))
                {
                    shared(find(needed.Name!)!);
                    loader.RegisterDependency(AssemblyLoadContext.Default.LoadFromAssemblyName(needed));
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
        // What a cell has loaded already is taken as it is.
        return AppDomain.CurrentDomain.GetAssemblies().FirstOrDefault(one => one.GetName().Name == name.Name)
            ?? (find(name.Name!) is { } file ? context.LoadFromAssemblyPath(file) : null);
    }
}
