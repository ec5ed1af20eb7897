using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Follows <c>#r "nuget: Id, version"</c> with a generated project and <c>dotnet restore</c>. All packages of a session stand in one
/// project, so that their dependencies agree; a set that was restored before is taken from its folder without a restore.
/// </summary>
/// <param name="notebookFolder">Where the search for a nuget.config starts.</param>
internal sealed class PackageRestore(string notebookFolder)
{
    const string Stamp = "restored";
    Dictionary<string, PackageId> asked = new(StringComparer.OrdinalIgnoreCase);
    readonly List<string> sources = [];

    /// <summary>What the session's packages bring.</summary>
    internal PackageFiles Files { get; private set; } = PackageFiles.None;

    /// <summary>Adds packages to the session.</summary>
    /// <exception cref="RefusedException">The restore failed; the session's earlier packages stay.</exception>
    internal async Task Add(IReadOnlyList<PackageId> packages, IReadOnlyList<string> moreSources, CancellationToken interrupt)
    {
        sources.AddRange(moreSources.Where(source => !sources.Contains(source)));
        if (packages.Count == 0) return;
        var wanted = new Dictionary<string, PackageId>(asked, StringComparer.OrdinalIgnoreCase);
        foreach (var package in packages)
        {
            wanted[package.Id] = package;
        }
        var project = Project(wanted.Values);
        var folder = Path.Combine(CacheFolder(), Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(project)))[..24]);
        if (!File.Exists(Path.Combine(folder, Stamp)))
        {
            await Restore(folder, project, interrupt).ConfigureAwait(false);
        }
        Files = PackageFiles.Read(Path.Combine(folder, "obj", "project.assets.json"));
        asked = wanted;   // only now: a package that failed would fail every later one
    }

    static async Task Restore(string folder, string project, CancellationToken interrupt)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "restore.csproj"), project);
        // Empty, so that no file of a folder above takes part.
        File.WriteAllText(Path.Combine(folder, "Directory.Build.props"), "<Project />");
        File.WriteAllText(Path.Combine(folder, "Directory.Build.targets"), "<Project />");
        var start = new ProcessStartInfo(Dotnet.Command, ["restore", "--nologo", "-v", "quiet"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_CLI_UI_LANGUAGE"] = "en" },
        };
        using var process = Process.Start(start) ?? throw new RefusedException("dotnet restore did not start; is the .NET SDK on the PATH?");
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(interrupt).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        var said = await output.ConfigureAwait(false) + await error.ConfigureAwait(false);
        if (process.ExitCode != 0)
        {
            throw new RefusedException("the packages could not be restored:\n" + Failures(said));
        }
        File.WriteAllText(Path.Combine(folder, Stamp), "");
    }

    static string Failures(string said)
    {
        var lines = said.Split('\n', StringSplitOptions.TrimEntries).Where(line => line.Contains("error ", StringComparison.Ordinal)).ToArray();
        return lines.Length == 0 ? said.Trim() : string.Join('\n', lines.Select(line => line[line.IndexOf("error ", StringComparison.Ordinal)..]).Distinct());
    }

    string Project(IEnumerable<PackageId> packages)
    {
        var references = packages.Select(package => $"""    <PackageReference Include="{package.Id}" Version="{package.Version}" />""");
        var added = sources.Count == 0 ? "" : $"<RestoreAdditionalProjectSources>{string.Join(';', sources)}</RestoreAdditionalProjectSources>";
        var config = ConfigFile() is { } file ? $"<RestoreConfigFile>{file}</RestoreConfigFile>" : "";
        return $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net{Environment.Version.Major}.0</TargetFramework>
                <RuntimeIdentifiers>{RuntimeId}</RuntimeIdentifiers>
                <NuGetAudit>false</NuGetAudit>{added}{config}
              </PropertyGroup>
              <ItemGroup>
            {string.Join('\n', references)}
              </ItemGroup>
            </Project>
            """;
    }

    static string RuntimeId { get; } = DependencyFiles.RuntimeIds.First(id => id.StartsWith("linux-", StringComparison.Ordinal)
        || id.StartsWith("win-", StringComparison.Ordinal) || id.StartsWith("osx-", StringComparison.Ordinal));

    string? ConfigFile()
    {
        for (var at = new DirectoryInfo(notebookFolder); at is not null; at = at.Parent)
        {
            if (at.EnumerateFiles().FirstOrDefault(file => file.Name.Equals("nuget.config", StringComparison.OrdinalIgnoreCase)) is { } found)
            {
                return found.FullName;
            }
        }
        return null;
    }

    static string CacheFolder() => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "headkvlab-notebook", "packages");
}
