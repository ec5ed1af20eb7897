using System.Runtime.InteropServices;
using System.Text.Json;

namespace HeadKvLab.Notebook.Engine;

/// <summary>The files that the assemblies of one folder may need: in it, in its <c>runtimes</c>, in the packages of its deps.json files.</summary>
internal sealed class DependencyFiles
{
    readonly string folder;
    readonly Lazy<IReadOnlyList<string>> fromPackages;

    DependencyFiles(string folder)
    {
        this.folder = folder;
        fromPackages = new(() => [.. Packages().SelectMany(one => Assets(one.Library).Select(asset => Path.GetFullPath(Path.Combine(one.Root, asset))).Where(File.Exists))]);
    }

    internal static DependencyFiles Of(string folder) => new(folder);

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
        return fromPackages.Value.FirstOrDefault(file => Path.GetFileName(file).Equals(name + ".dll", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The full paths at which a native library of this name lies.</summary>
    internal IEnumerable<string> Native(string name)
    {
        var names = NativeNames(name);
        return names.Select(file => Path.Combine(folder, file))
            .Concat(RuntimeIds.SelectMany(id => names.Select(file => Path.Combine(folder, "runtimes", id, "native", file))))
            .Concat(fromPackages.Value.Where(file => names.Contains(Path.GetFileName(file))))
            .Where(File.Exists);
    }

    /// <summary>The file names a library name can stand for on this system.</summary>
    internal static IReadOnlyList<string> NativeNames(string name) =>
        OperatingSystem.IsWindows() ? [name, name + ".dll"]
        : OperatingSystem.IsMacOS() ? [name, $"lib{name}.dylib", name + ".dylib"]
        : [name, $"lib{name}.so", name + ".so"];

    /// <summary>What these packages bring for notebooks.</summary>
    internal IEnumerable<string> Extensions => Packages().SelectMany(one => ExtensionsOf(one.Root));

    /// <summary>What a package brings for notebooks.</summary>
    internal static IEnumerable<string> ExtensionsOf(string package) =>
        Path.Combine(package, "interactive-extensions", "dotnet") is var folder && Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.dll") : [];

    IEnumerable<(string Root, JsonElement Library)> Packages()
    {
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        foreach (var deps in Directory.EnumerateFiles(folder, "*.deps.json"))
        {
            using var json = JsonDocument.Parse(File.ReadAllText(deps));
            foreach (var library in json.RootElement.GetProperty("targets").EnumerateObject().SelectMany(target => target.Value.EnumerateObject()))
            {
                yield return (Path.Combine(cache, library.Name.ToLowerInvariant()), library.Value);
            }
        }
    }

    static IEnumerable<string> Assets(JsonElement library)
    {
        foreach (var group in new[] { "runtime", "native" })
        {
            if (library.TryGetProperty(group, out var assets))
            {
                foreach (var asset in assets.EnumerateObject())
                {
                    yield return asset.Name;
                }
            }
        }
        if (library.TryGetProperty("runtimeTargets", out var targets))
        {
            foreach (var asset in targets.EnumerateObject().Where(one => RuntimeIds.Contains(one.Value.GetProperty("rid").GetString())))
            {
                yield return asset.Name;
            }
        }
    }

    static List<string> RuntimeIdsHere()
    {
        var architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        var ids = new List<string> { RuntimeInformation.RuntimeIdentifier, $"{system}-{architecture}", system };
        if (system != "win")
        {
            ids.AddRange([$"unix-{architecture}", "unix"]);
        }
        ids.Add("any");
        return [.. ids.Distinct()];
    }
}
