using System.Diagnostics;

namespace HeadKvLab.Tests.House;

/// <summary>The script ./lab on machines that this one is not: a copy of it runs with a path of its own, on which dotnet, apt-get and id are played.</summary>
public sealed class LabScriptTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public LabScriptTests()
    {
        Requires.Unix();
        foreach (string file in (string[])["lab", "global.json", "packages.lock.json", "Directory.Build.props", "HeadKvLab.csproj", "lib/LabException.cs", "lib/Notebook/Program.cs"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(At(file))!);
            File.Copy(Repository.Path(file), At(file));
        }
        Directory.CreateDirectory(At("path"));
        foreach (string tool in (string[])["bash", "basename", "cat", "dirname", "find", "grep", "head", "ls", "mkdir", "mktemp", "mv", "rm", "sed", "sort", "tail"])
            File.CreateSymbolicLink(At($"path/{tool}"), File.Exists($"/usr/bin/{tool}") ? $"/usr/bin/{tool}" : $"/bin/{tool}");
        Play("id", "echo 1000");
        Play("apt-get", "echo no >&2; exit 1");
        Build("error: played");
    }

    public void Dispose() => folder.Dispose();

    private string At(string file) => Path.Combine(folder.Path, file);

    private void Play(string tool, string script)
    {
        File.WriteAllText(At($"path/{tool}"), $"#!/bin/bash\n{script}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(At($"path/{tool}"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>An SDK whose build fails with a log.</summary>
    private void Build(params string[] log) => Play("dotnet", $"case $1 in --list-sdks) echo '10.0.1 [/sdk]';; build) {string.Concat(log.Select(line => $"echo '{line}'; "))}exit 1;; *) echo ran;; esac");

    private (int Code, string Error) Lab(string command, params (string Name, string Value)[] settings)
    {
        var start = new ProcessStartInfo("/bin/bash", [At("lab"), command]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Clear();
        start.Environment["PATH"] = At("path");
        foreach ((string name, string value) in settings) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    /// <summary>Not a wall of errors: each package by name, the version wanted and the nearest one served, and what to do. The log is NuGet's own.</summary>
    [Fact]
    public void A_registry_without_the_packages_is_told_in_words()
    {
        Requires.Unix();
        Build("/x/a.csproj : error NU1603: Warning As Error: a depends on Markdig (>= 1.5.5) but Markdig 1.5.5 was not found. Markdig 1.6.0 was resolved instead.",
            "/x/a.csproj : error NU1101: Unable to find package TorchSharp. No packages exist with this id in source(s): s",
            "/x/a.csproj : error NU1102: Unable to find package Spectre.Console with version (>= 99.0.0)",
            "/x/a.csproj : error NU1102:   - Found 5 version(s) in s [ Nearest version: 0.57.2 ]",
            "/x/a.csproj : error NU1101: Unable to find package TorchSharp. No packages exist with this id in source(s): s");
        var (code, error) = Lab("methods");
        Assert.Equal(2, code);
        Assert.Contains("""
            lab: the registry lacks packages that HeadKvLab.csproj needs:
                   Markdig 1.5.5 (the nearest served is 1.6.0)
                   Spectre.Console 99.0.0 (the nearest served is 0.57.2)
                   TorchSharp (no version is served)
                 'dotnet nuget list source' shows the registry; 'dotnet nuget add source URL' adds another.
            """.ReplaceLineEndings("\n"), error, StringComparison.Ordinal);
        Assert.DoesNotContain("NU110", error, StringComparison.Ordinal);
    }

    /// <summary>A real restore against a registry (a folder) that serves nothing: NuGet's messages are still those that the script reads.</summary>
    [Fact]
    public void The_real_message_of_an_empty_registry_is_understood()
    {
        Requires.Unix();
        Directory.CreateDirectory(At("registry"));
        File.Copy(Repository.Path("Directory.Packages.props"), At("Directory.Packages.props"));
        File.WriteAllText(At("nuget.config"), $"<configuration><packageSources><clear/><add key='empty' value='{At("registry")}'/></packageSources></configuration>");
        var dotnet = "/usr/bin/env dotnet";
        File.Delete(At("path/dotnet"));
        Play("dotnet", $"unset DOTNET_CLI_HOME; export HOME={folder.Path} NUGET_PACKAGES={At("cache")} PATH={Environment.GetEnvironmentVariable("PATH")}; exec {dotnet} \"$@\"");
        var (code, error) = Lab("methods");
        Assert.Equal(2, code);
        Assert.Contains("the registry lacks packages that HeadKvLab.csproj needs", error, StringComparison.Ordinal);
        Assert.Contains("       TorchSharp (no version is served)", error, StringComparison.Ordinal);
        Assert.Contains("       Plotly.NET (no version is served)", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_CUDA_package_the_build_falls_back_to_the_CPU_and_remembers_it()
    {
        Requires.Unix();
        File.WriteAllText(At("lab"), File.ReadAllText(At("lab")).Replace("/proc/driver/nvidia/version", At("LICENSE"), StringComparison.Ordinal));
        File.WriteAllText(At("LICENSE"), "a driver");
        Play("dotnet", $"case $1 in --list-sdks) echo '10.0.1 [/sdk]';; build) echo build $Torch >>{At("builds")}; [ -n \"$Torch\" ] || {{ echo 'error NU1101: Unable to find package TorchSharp-cuda-linux. No packages exist'; exit 1; }};; esac");
        var (code, error) = Lab("methods");
        Assert.Equal(0, code);
        Assert.Contains("the registry lacks TorchSharp-cuda-linux: building for the CPU", error, StringComparison.Ordinal);
        Assert.Equal(["build ", "build cpu"], File.ReadAllLines(At("builds")).Select(line => line == "build" ? "build " : line));
        Lab("methods");
        Assert.Equal(2, File.ReadAllLines(At("builds")).Length);   // nothing to do, and no second question
    }

    [Fact]
    public void Certificates_are_installed_where_they_are_missing()
    {
        Requires.Unix();
        var (code, error) = Lab("build", ("SSL_CERT_FILE", "/nowhere"));
        Assert.Equal(2, code);
        Assert.Contains("missing: ca-certificates (packages are fetched over HTTPS). Run:  sudo apt-get update && sudo apt-get install -y ca-certificates", error, StringComparison.Ordinal);
        Play("id", "echo 0");
        (code, error) = Lab("build", ("SSL_CERT_FILE", "/nowhere"));
        Assert.Equal(2, code);
        Assert.Contains("installing ca-certificates (packages are fetched over HTTPS)", error, StringComparison.Ordinal);
        Assert.Contains("apt-get could not install ca-certificates", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.csproj : error NU1403: Package content hash validation failed for Markdig.1.6.0.", "a package is not the one that the lock files name")]
    [InlineData("a.csproj : error NU1301: Unable to load the service index", "the registry cannot be read: check the network")]
    [InlineData("a.cs(1,1): error CS0103: no such name", "error CS0103: no such name")]
    public void A_failed_build_says_why(string log, string message)
    {
        Requires.Unix();
        Build(log);
        var (code, error) = Lab("methods");
        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Contains(".artifacts/build.log", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_build_is_skipped_only_while_sources_and_choices_are_the_same()
    {
        Requires.Unix();
        Play("dotnet", "case $1 in --list-sdks) echo '10.0.1 [/sdk]';; build) echo build >>\"$(dirname \"$0\")/../builds\";; *) exit 0;; esac");
        int Builds() => File.ReadAllLines(At("builds")).Length;
        Lab("methods");
        Lab("methods");
        Assert.Equal(1, Builds());
        File.SetLastWriteTimeUtc(At("lib/LabException.cs"), DateTime.UtcNow.AddSeconds(5));
        Lab("methods");
        Assert.Equal(2, Builds());
        File.SetLastWriteTimeUtc(At("lib/LabException.cs"), DateTime.UtcNow.AddHours(-1));
        File.SetLastWriteTimeUtc(At("lib/Notebook/Program.cs"), DateTime.UtcNow.AddSeconds(5));   // the kernel is a build of its own
        Lab("methods");
        Assert.Equal(2, Builds());
        Lab("methods", ("Torch", "cuda"));
        Assert.Equal(3, Builds());
    }

    [Fact]
    public void The_program_runs_in_the_callers_folder()
    {
        Requires.Unix();
        Directory.CreateDirectory(At("elsewhere"));
        Play("dotnet", $"case $1 in --list-sdks) echo '10.0.1 [/sdk]';; build) ;; *) echo \"$PWD $*\" >{At("called")};; esac");
        Lab("methods");
        Assert.Equal($"{Directory.GetCurrentDirectory()} {At("bin/HeadKvLab.dll")} methods\n", File.ReadAllText(At("called")));
    }

    [Fact]
    public void A_missing_or_old_SDK_is_named()
    {
        Requires.Unix();
        Play("dotnet", "case $1 in --list-sdks) echo '8.0.1 [/sdk]';; --version) echo 8.0.1;; esac");
        Assert.Contains("the .NET SDK 10 is missing (found: 8.0.1)", Lab("build").Error, StringComparison.Ordinal);
        File.Delete(At("path/dotnet"));
        Assert.Contains("the .NET SDK 10 is missing; install it", Lab("build").Error, StringComparison.Ordinal);
    }
}
