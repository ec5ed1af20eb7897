using System.Text.Json;

namespace HeadKvLab.Notebook.Engine;

/// <summary>The files that packages bring, by the list that a restore (project.assets.json) or a build (NAME.deps.json) leaves.</summary>
/// <param name="Managed">Full paths of assemblies.</param>
/// <param name="Native">Full paths of native libraries for this system.</param>
/// <param name="Extensions">Full paths of what the packages bring for notebooks.</param>
internal sealed record PackageFiles(IReadOnlyList<string> Managed, IReadOnlyList<string> Native, IReadOnlyList<string> Extensions)
{
    internal static readonly PackageFiles None = new([], [], []);

    internal static PackageFiles Read(string list)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(list));
        // A restore names the folders it used; a build took its packages from the user's.
        string[] roots = json.RootElement.TryGetProperty("packageFolders", out var folders) ? [.. folders.EnumerateObject().Select(folder => folder.Name)]
            : [Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages")];
        var (managed, native, extensions) = (new List<string>(), new List<string>(), new List<string>());
        // The last target is the one for a system, where there is one.
        foreach (var library in json.RootElement.GetProperty("targets").EnumerateObject().Last().Value.EnumerateObject())
        {
            if (roots.Select(root => Path.Combine(root, library.Name.ToLowerInvariant())).FirstOrDefault(Directory.Exists) is not { } package) continue;
            foreach (var (asset, isNative) in Assets(library.Value))
            {
                if (Path.GetFullPath(Path.Combine(package, asset)) is var file && File.Exists(file)) (isNative ? native : managed).Add(file);
            }
            if (Path.Combine(package, "interactive-extensions", "dotnet") is var folder && Directory.Exists(folder)) extensions.AddRange(Directory.EnumerateFiles(folder, "*.dll"));
        }
        return new([.. managed.Where(file => file.EndsWith(".dll", StringComparison.OrdinalIgnoreCase)).Distinct()], [.. native.Distinct()], extensions);
    }

    /// <summary>The path of an assembly, or null.</summary>
    internal string? FindManaged(string name) => Managed.FirstOrDefault(file => Path.GetFileNameWithoutExtension(file).Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The paths of native libraries with one of these file names.</summary>
    internal IEnumerable<string> FindNative(IReadOnlyList<string> names) => Native.Where(file => names.Contains(Path.GetFileName(file)));

    static IEnumerable<(string Path, bool IsNative)> Assets(JsonElement library)
    {
        IEnumerable<JsonProperty> Group(string name) => library.TryGetProperty(name, out var group) ? group.EnumerateObject() : [];
        return Group("runtime").Select(one => (one.Name, false)).Concat(Group("native").Select(one => (one.Name, true)))
            .Concat(Group("runtimeTargets").Where(one => DependencyFiles.RuntimeIds.Contains(one.Value.GetProperty("rid").GetString()))
                .Select(one => (one.Name, one.Value.GetProperty("assetType").GetString() == "native")));
    }
}
