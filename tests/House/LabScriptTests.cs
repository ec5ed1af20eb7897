using System.Diagnostics;

namespace HeadKvLab.Tests.House;

/// <summary>The script ./lab on machines that this one is not: a copy of it runs with a path of its own, on which dotnet, apt-get and id are played.</summary>
public sealed class LabScriptTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public LabScriptTests()
    {
        if (OperatingSystem.IsWindows()) return;
        foreach (string file in (string[])["lab", "lib/Packages.props", "Directory.Build.props", "HeadKvLab.csproj"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(At(file))!);
            File.Copy(Repository.Path(file), At(file));
        }
        Directory.CreateDirectory(At("path"));
        foreach (string tool in (string[])["bash", "basename", "cat", "dirname", "find", "grep", "head", "ls", "mkdir", "mktemp", "mv", "rm", "sort", "tail", "timeout", "tr"])
            File.CreateSymbolicLink(At($"path/{tool}"), File.Exists($"/usr/bin/{tool}") ? $"/usr/bin/{tool}" : $"/bin/{tool}");
        Play("id", "echo 1000");
        Play("apt-get", "echo no >&2; exit 1");
        Dotnet("echo 'error NU1101: no such package'; exit 1");
    }

    public void Dispose() => folder.Dispose();

    private string At(string file) => Path.Combine(folder.Path, file);

    private void Play(string tool, string script)
    {
        File.WriteAllText(At($"path/{tool}"), $"#!/bin/bash\n{script}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(At($"path/{tool}"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>An SDK that is there, whose restore does as told and whose build fails.</summary>
    private void Dotnet(string restore) => Play("dotnet", $"case $1 in --list-sdks) echo '10.0.1 [/sdk]';; restore) {restore};; build) echo 'error: played'; exit 1;; esac");

    /// <summary>An SDK whose build fails with a log.</summary>
    private void Build(params string[] log) => Play("dotnet", $"case $1 in --list-sdks) echo '10.0.1 [/sdk]';; build) {string.Concat(log.Select(line => $"echo '{line}'; "))}exit 1;; esac");

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

    /// <summary>TorchSharp, the package, cannot set them itself: libtorch reads them when it is loaded.</summary>
    [Fact]
    public void The_engines_settings_stand_before_the_program_starts_and_the_users_own_are_kept()
    {
        if (OperatingSystem.IsWindows()) return;
        Play("dotnet", $"echo $MALLOC_ARENA_MAX $MALLOC_MMAP_MAX_ $MALLOC_TRIM_THRESHOLD_ $OMP_WAIT_POLICY $OPENBLAS_THREAD_TIMEOUT $DOTNET_SYSTEM_GLOBALIZATION_INVARIANT > {At("settings")}; exit 1");
        Lab("methods");
        Assert.Equal("1 0 2147483647 passive 14 1\n", File.ReadAllText(At("settings")));
        Lab("methods", ("OMP_WAIT_POLICY", "active"), ("MALLOC_MMAP_MAX_", "65536"), ("OPENBLAS_THREAD_TIMEOUT", "26"));
        Assert.Equal("1 65536 2147483647 active 26 1\n", File.ReadAllText(At("settings")));
    }

    [Fact]
    public void An_ordinary_user_is_told_the_line_to_run()
    {
        if (OperatingSystem.IsWindows()) return;
        var (code, error) = Lab("build", ("LAB_PACKAGES", "standin"));
        Assert.Equal(2, code);
        Assert.Matches(@"missing: g\+\+.*\. Run:  sudo apt-get update && sudo apt-get install -y g\+\+", error);
    }

    [Fact]
    public void Certificates_are_part_of_what_is_missing()
    {
        if (OperatingSystem.IsWindows()) return;
        var (code, error) = Lab("build", ("SSL_CERT_FILE", "/nowhere"));
        Assert.Equal(2, code);
        Assert.Matches(@"missing: ca-certificates g\+\+.*HTTPS; tensors.*\. Run:  sudo apt-get update && sudo apt-get install -y ca-certificates g\+\+", error);
        Play("id", "echo 0");
        Assert.Contains("installing ca-certificates (packages are fetched over HTTPS)", Lab("build", ("SSL_CERT_FILE", "/nowhere")).Error, StringComparison.Ordinal);
    }

    /// <summary>Not a wall of errors: which packages, whose choice it was, and what to do.</summary>
    [Theory]
    [InlineData("LAB_PACKAGES")]
    [InlineData("the file .packages")]
    public void A_registry_without_the_packages_is_told_in_words(string chosenBy)
    {
        if (OperatingSystem.IsWindows()) return;
        Build("/x/HeadKvLab.csproj : error NU1101: Unable to find package TorchSharp. No packages exist with this id in source(s): s", "/x/HeadKvLab.csproj : error NU1102: Unable to find package Plotly.NET with version (>= 5.1.0)");
        if (chosenBy != "LAB_PACKAGES") File.WriteAllText(At(".packages"), "nuget\n");
        var (code, error) = chosenBy == "LAB_PACKAGES" ? Lab("methods", ("LAB_PACKAGES", "nuget")) : Lab("methods");
        Assert.Equal(2, code);
        Assert.Contains($"the package build 'nuget', chosen by {chosenBy}, needs packages that the registry lacks: Plotly.NET, TorchSharp.\n", error, StringComparison.Ordinal);
        Assert.Contains("LAB_PACKAGES=standin ./lab build", error, StringComparison.Ordinal);
        Assert.DoesNotContain("NU110", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.csproj : error NU1101: Unable to find package Spectre.Console. No packages exist", "the registry lacks Spectre.Console, which every build needs")]
    [InlineData("a.csproj : error NU1301: Unable to load the service index", "the registry cannot be read: check the network")]
    [InlineData("a.cs(1,1): error CS0103: no such name", "error CS0103: no such name")]
    public void A_failed_build_says_why(string log, string message)
    {
        if (OperatingSystem.IsWindows()) return;
        Play("g++", "exit 0");
        Build(log);
        var (code, error) = Lab("methods", ("LAB_PACKAGES", "standin"));
        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Contains(".artifacts/build.log", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_system_without_apt_is_told_the_names()
    {
        if (OperatingSystem.IsWindows()) return;
        File.Delete(At("path/apt-get"));
        var (code, error) = Lab("build", ("LAB_PACKAGES", "standin"));
        Assert.Equal(2, code);
        Assert.Contains("These are Debian's names", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Root_installs_what_is_missing_and_says_why_it_could_not()
    {
        if (OperatingSystem.IsWindows()) return;
        Play("id", "echo 0");
        var (code, error) = Lab("build", ("LAB_PACKAGES", "standin"));
        Assert.Equal(2, code);
        Assert.Contains("installing g++", error, StringComparison.Ordinal);
        Assert.Contains("apt-get could not install", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("echo 'error NU1101: no such package'; exit 1", "standin")]
    [InlineData("exit 0", "nuget")]
    [InlineData("echo 'error NU1301: the service index cannot be loaded'; exit 1", null)] // no network: not remembered
    public void The_registry_is_asked_once_and_its_answer_remembered(string restore, string? remembered)
    {
        if (OperatingSystem.IsWindows()) return;
        Dotnet(restore);
        Play("g++", "exit 0");
        Lab("build");
        Assert.Equal(remembered, File.Exists(At(".packages")) ? File.ReadAllText(At(".packages")).Trim() : null);
        if (remembered is null) return;
        Dotnet("echo asked >&2; exit 1");
        Assert.DoesNotContain("ask", Lab("build").Error, StringComparison.Ordinal);
        Assert.Contains(".packages", File.ReadAllLines(Repository.Path(".gitignore")));
    }

    [Fact]
    public void A_build_is_skipped_only_while_sources_and_choices_are_the_same()
    {
        if (OperatingSystem.IsWindows()) return;
        Play("g++", "exit 0");
        Play("dotnet", "case $1 in --list-sdks) echo '10.0.1 [/sdk]';; build) echo build $LAB_PACKAGES >>\"$(dirname \"$0\")/../builds\";; *) exit 0;; esac");
        Lab("methods", ("LAB_PACKAGES", "nuget"));
        Lab("methods", ("LAB_PACKAGES", "nuget"));
        Assert.Equal(["build nuget"], File.ReadAllLines(At("builds")));
        File.SetLastWriteTimeUtc(At("HeadKvLab.csproj"), DateTime.UtcNow.AddSeconds(5));
        Lab("methods", ("LAB_PACKAGES", "nuget"));
        Assert.Equal(2, File.ReadAllLines(At("builds")).Length);
        File.SetLastWriteTimeUtc(At("HeadKvLab.csproj"), DateTime.UtcNow.AddHours(-1));
        Lab("methods", ("LAB_PACKAGES", "nuget"));
        Assert.Equal(2, File.ReadAllLines(At("builds")).Length);
        File.WriteAllText(At(".packages"), "standin\n");
        Assert.Contains("give nuget or standin", Lab("methods", ("LAB_PACKAGES", "other")).Error, StringComparison.Ordinal); // so another choice is no build that is there
    }

    [Theory]
    [InlineData("LAB_PACKAGES", "apt", "LAB_PACKAGES is 'apt': give nuget or standin")]
    [InlineData("LIBTORCH", "/nowhere", "LIBTORCH is '/nowhere', which holds no lib/libtorch_cpu.so")]
    public void Wrong_choices_are_refused(string name, string value, string message)
    {
        if (OperatingSystem.IsWindows()) return;
        var (code, error) = Lab("methods", (name, value));
        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_or_old_SDK_is_named()
    {
        if (OperatingSystem.IsWindows()) return;
        Play("dotnet", "case $1 in --list-sdks) echo '8.0.1 [/sdk]';; --version) echo 8.0.1;; esac");
        Assert.Contains("the .NET SDK 10 is missing (found: 8.0.1)", Lab("build").Error, StringComparison.Ordinal);
        File.Delete(At("path/dotnet"));
        Assert.Contains("the .NET SDK 10 is missing; install it", Lab("build").Error, StringComparison.Ordinal);
    }
}
