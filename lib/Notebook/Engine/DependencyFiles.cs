using System.Runtime.InteropServices;

namespace HeadKvLab.Notebook.Engine;

/// <summary>The files that the assemblies of one folder may need: in it, in its <c>runtimes</c>, in the packages of its deps.json files.</summary>
internal sealed class DependencyFiles
{
    readonly string folder;
    readonly Lazy<PackageFiles[]> packages;

    internal DependencyFiles(string folder)
    {
        this.folder = folder;
        packages = new(() => [.. Directory.EnumerateFiles(folder, "*.deps.json").Select(PackageFiles.Read)]);
    }

    /// <summary>What the packages bring for notebooks.</summary>
    internal IEnumerable<string> Extensions => packages.Value.SelectMany(one => one.Extensions);

    /// <summary>The runtime identifiers whose files run here, most specific first, for example linux-x64, linux, unix, any.</summary>
    internal static IReadOnlyList<string> RuntimeIds { get; } = RuntimeIdsHere();

    /// <summary>The full path of a managed assembly, or null.</summary>
    internal string? Managed(string name)
    {
        var beside = Path.Combine(folder, name + ".dll");
        if (File.Exists(beside))
        {
            return beside;
        }
        foreach (var id in RuntimeIds)
        {
            var lib = Path.Combine(folder, "runtimes", id, "lib");
            if (Directory.Exists(lib) && Directory.EnumerateFiles(lib, name + ".dll", SearchOption.AllDirectories).Max() is { } specific)
            {
                return specific;
            }
        }
        return packages.Value.Select(one => one.FindManaged(name)).FirstOrDefault(found => found is not null);
    }

    /// <summary>The full paths at which a native library with one of these file names lies.</summary>
    internal IEnumerable<string> Native(IReadOnlyList<string> names) => names.Select(file => Path.Combine(folder, file))
        .Concat(RuntimeIds.SelectMany(id => names.Select(file => Path.Combine(folder, "runtimes", id, "native", file))))
        .Concat(packages.Value.SelectMany(one => one.FindNative(names)))
        .Where(File.Exists);

    /// <summary>The file names a library name can stand for on this system.</summary>
    internal static IReadOnlyList<string> NativeNames(string name) =>
        OperatingSystem.IsWindows() ? [name, name + ".dll"]
        : OperatingSystem.IsMacOS() ? [name, $"lib{name}.dylib", name + ".dylib"]
        : [name, $"lib{name}.so", name + ".so"];

    static List<string> RuntimeIdsHere()
    {
        var architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string[] family = system == "win" ? [] : [$"unix-{architecture}", "unix"];
        return [.. ((string[])[RuntimeInformation.RuntimeIdentifier, $"{system}-{architecture}", system, .. family, "any"]).Distinct()];
    }
}
