using System.Diagnostics;
using System.Text.Json;

namespace HeadKvLab.Tests.House;

/// <summary>What the build consists of, as MSBuild evaluates the projects.</summary>
public sealed class PackageBuildTests
{
    private static JsonElement Items(string project, params string[] properties)
    {
        var start = new ProcessStartInfo("dotnet", ["msbuild", Repository.Path(project), "-nologo", "-getItem:PackageReference", "-getItem:PackageVersion", "-getItem:ProjectReference", "-getProperty:NuGetLockFilePath", .. properties])
        {
            RedirectStandardOutput = true,
            Environment = { ["Torch"] = null, ["MSBUILDDISABLENODEREUSE"] = "1" },
        };
        using var process = Process.Start(start)!;
        string answer = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, answer);
        return JsonDocument.Parse(answer).RootElement;
    }

    private static Dictionary<string, JsonElement> Named(JsonElement evaluated, string kind) =>
        evaluated.GetProperty("Items").GetProperty(kind).EnumerateArray().ToDictionary(i => i.GetProperty("Identity").GetString()!.Replace('\\', '/'));

    private static ICollection<string> Packages(JsonElement evaluated) => Named(evaluated, "PackageReference").Keys;

    [Fact]
    public void The_build_references_the_named_packages_in_pinned_versions()
    {
        var build = Items("HeadKvLab.csproj", "-p:NvidiaDriver=/nowhere", "-p:RuntimeIdentifier=linux-x64");
        Assert.All((string[])["TorchSharp", "libtorch-cpu-linux-x64", "Microsoft.ML.Tokenizers", "Microsoft.Data.Analysis", "Plotly.NET", "Plotly.NET.Interactive", "Microsoft.DotNet.Interactive", "System.CommandLine", "Spectre.Console"],
            name => Assert.Contains(name, Packages(build)));
        Assert.DoesNotContain("TorchSharp-cuda-linux", Packages(build));
        var versions = Named(build, "PackageVersion").ToDictionary(p => p.Key, p => p.Value.GetProperty("Version").GetString()!);
        Assert.All(versions.Values, version => Assert.Matches(@"^\d+\.\d+\.\d+(-[a-z0-9.]+)?$", version)); // no ranges, no floating versions
        Assert.Equal(("0.107.0", "2.10.0"), (versions["TorchSharp"], versions["libtorch-cpu-linux-x64"]));
        Assert.Empty(Named(build, "ProjectReference"));
        Assert.Equal("", build.GetProperty("Properties").GetProperty("NuGetLockFilePath").GetString()); // packages.lock.json beside the project
    }

    /// <summary>By hand, or by the driver; and its lock file is no committed one.</summary>
    [Theory]
    [InlineData("-p:Torch=cuda"), InlineData("-p:NvidiaDriver=/proc/self/maps")]
    public void The_CUDA_build_takes_its_own_package(string choice)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "TorchSharp-cuda-linux is for Linux");
        var build = Items("HeadKvLab.csproj", choice);
        Assert.Contains("TorchSharp-cuda-linux", Packages(build));
        Assert.DoesNotContain(Packages(build), name => name.StartsWith("libtorch-cpu", StringComparison.Ordinal));
        Assert.EndsWith(".artifacts/locks/HeadKvLab.linux-x64.cuda.json", build.GetProperty("Properties").GetProperty("NuGetLockFilePath").GetString(), StringComparison.Ordinal);
    }

    /// <summary>The notebook's host has .NET Interactive; the library is compiled against it only, so that any other host may have its own.</summary>
    [Fact]
    public void Interactive_is_the_packages_own_and_the_hosts()
    {
        var references = Named(Items("HeadKvLab.csproj"), "PackageReference");
        foreach (string name in (string[])["Microsoft.DotNet.Interactive", "Plotly.NET.Interactive"])
        {
            Assert.Equal("compile", references[name].GetProperty("IncludeAssets").GetString());
            Assert.Equal("all", references[name].GetProperty("PrivateAssets").GetString());
        }
        Assert.Contains("Microsoft.DotNet.Interactive", Packages(Items("lib/Notebook/HeadKvLab.Notebook.csproj")));
        Assert.False(File.Exists(Repository.Path("bin/Microsoft.DotNet.Interactive.dll")));
        Assert.Equal("Microsoft Corporation", System.Diagnostics.FileVersionInfo.GetVersionInfo(Repository.Path("bin/notebook/Microsoft.DotNet.Interactive.dll")).CompanyName);
    }

    /// <summary>One version of a package in the repository: no project names one.</summary>
    [Fact]
    public void Versions_stand_in_one_file_and_every_project_has_a_lock_file()
    {
        string[] projects = [.. Directory.EnumerateFiles(Repository.Root, "*.csproj").Concat(((string[])["lib", "tests"]).SelectMany(folder => Directory.EnumerateFiles(Repository.Path(folder), "*.csproj", SearchOption.AllDirectories)))];
        Assert.True(projects.Length >= 3);
        Assert.All(projects, project =>
        {
            var text = File.ReadAllText(project);
            Assert.DoesNotMatch(@"<PackageReference [^>]*Version=", text);
            if (text.Contains("<PackageReference", StringComparison.Ordinal)) Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(project)!, "packages.lock.json")), project);
        });
    }

    [Theory]
    [InlineData("-p:Torch=rocm", "Torch is 'rocm': give cpu or cuda.")]
    [InlineData("-p:RuntimeIdentifier=linux-arm64", "This system is linux-arm64: libtorch is there for linux-x64, win-x64 and osx-arm64 only.")]
    public void What_cannot_be_built_is_refused_in_words(string choice, string message)
    {
        var start = new ProcessStartInfo("dotnet", ["msbuild", Repository.Path("HeadKvLab.csproj"), "-nologo", "-t:CheckTorch", "-p:NvidiaDriver=/nowhere", choice]) { RedirectStandardOutput = true, Environment = { ["Torch"] = null } };
        using var process = Process.Start(start)!;
        Assert.Contains(message, process.StandardOutput.ReadToEnd(), StringComparison.Ordinal);
        process.WaitForExit();
        Assert.NotEqual(0, process.ExitCode);
    }
}
