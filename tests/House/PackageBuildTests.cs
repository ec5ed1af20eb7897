using System.Diagnostics;
using System.Text.Json;

namespace HeadKvLab.Tests.House;

/// <summary>What the two package builds consist of, as MSBuild evaluates the projects.</summary>
public sealed class PackageBuildTests
{
    private static JsonElement Items(string project, params string[] properties)
    {
        var start = new ProcessStartInfo("dotnet", ["msbuild", Repository.Path(project), "-nologo", "-getItem:PackageReference", "-getItem:ProjectReference", "-getItem:Compile", "-getProperty:DefineConstants", .. properties])
        {
            RedirectStandardOutput = true,
            Environment = { ["LAB_PACKAGES"] = null, ["MSBUILDDISABLENODEREUSE"] = "1" },
        };
        using var process = Process.Start(start)!;
        string answer = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, answer);
        return JsonDocument.Parse(answer).RootElement;
    }

    private static Dictionary<string, JsonElement> Named(JsonElement evaluated, string kind) =>
        evaluated.GetProperty("Items").GetProperty(kind).EnumerateArray().ToDictionary(i => i.GetProperty("Identity").GetString()!.Replace('\\', '/'));

    private static Dictionary<string, string> Packages(JsonElement evaluated) => Named(evaluated, "PackageReference").ToDictionary(p => p.Key, p => p.Value.GetProperty("Version").GetString()!);

    [Fact]
    public void The_nuget_build_references_the_pinned_packages_and_no_stand_in()
    {
        var build = Items("HeadKvLab.csproj", "-p:Packages=nuget", "-p:NvidiaDriver=/nowhere");
        var packages = Packages(build);
        Assert.Equal(("0.107.0", "0.107.0"), (packages["TorchSharp"], packages["TorchSharp-cpu"]));
        Assert.All((string[])["Microsoft.ML.Tokenizers", "Microsoft.Data.Analysis", "Plotly.NET", "Plotly.NET.Interactive", "Microsoft.DotNet.Interactive", "System.CommandLine", "Spectre.Console"], name => Assert.Contains(name, packages));
        Assert.DoesNotContain("TorchSharp-cuda-linux", packages);
        Assert.All(packages, p => Assert.Matches(@"^\d+\.\d+\.\d+(-[a-z0-9.]+)?$", p.Value)); // no ranges, no floating versions
        Assert.Empty(Named(build, "ProjectReference"));
        Assert.DoesNotContain(Named(build, "Compile"), file => file.Key.Contains("StandIns", StringComparison.Ordinal));
        Assert.DoesNotContain("STANDIN", build.GetProperty("Properties").GetProperty("DefineConstants").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void With_an_NVIDIA_driver_the_nuget_build_takes_the_CUDA_package()
    {
        var packages = Packages(Items("HeadKvLab.csproj", "-p:Packages=nuget", $"-p:NvidiaDriver={Repository.Path("LICENSE")}"));
        Assert.Equal("0.107.0", packages["TorchSharp-cuda-linux"]);
        Assert.DoesNotContain("TorchSharp-cpu", packages);
    }

    /// <summary>The kernel brings an assembly of the name Microsoft.DotNet.Interactive: the package's own may be compiled against, but must not travel.</summary>
    [Fact]
    public void The_hosts_own_assemblies_stay_out_of_bin_and_of_the_tests()
    {
        var references = Named(Items("HeadKvLab.csproj", "-p:Packages=nuget"), "PackageReference");
        foreach (string name in (string[])["Microsoft.DotNet.Interactive", "Plotly.NET.Interactive"])
        {
            Assert.Equal("compile", references[name].GetProperty("IncludeAssets").GetString());
            Assert.Equal("all", references[name].GetProperty("PrivateAssets").GetString());
        }
        foreach (string project in (string[])["lib/Notebook/HeadKvLab.Notebook.csproj", "tests/HeadKvLab.Tests.csproj"])
            Assert.DoesNotContain("Microsoft.DotNet.Interactive", Packages(Items(project, "-p:Packages=nuget")));
    }

    [Fact]
    public void The_stand_in_build_references_no_package_that_a_registry_may_lack()
    {
        var build = Items("HeadKvLab.csproj", "-p:Packages=standin");
        Assert.Equal(["Spectre.Console", "System.CommandLine"], Packages(build).Keys.Order(StringComparer.Ordinal));
        Assert.Equal(4, Named(build, "ProjectReference").Count);
        Assert.All(Named(build, "ProjectReference").Keys, project => Assert.StartsWith("lib/StandIns/", project, StringComparison.Ordinal));
        Assert.Contains("STANDIN", build.GetProperty("Properties").GetProperty("DefineConstants").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_choice_the_stand_ins_are_built()
    {
        Assert.Equal(4, Named(Items("HeadKvLab.csproj", "-p:PackagesChoiceFile=/nowhere"), "ProjectReference").Count);
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "choice"), "nuget\n");
        Assert.Contains("TorchSharp", Packages(Items("HeadKvLab.csproj", $"-p:PackagesChoiceFile={Path.Combine(folder.Path, "choice")}")));
    }
}
