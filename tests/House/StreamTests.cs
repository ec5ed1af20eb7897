using System.Diagnostics;

namespace HeadKvLab.Tests.House;

/// <summary>A standard output that is full or has no reader: one line and exit code 1, from both programs.</summary>
public sealed class StreamTests
{
    private static (int Code, string Error) Shell(string line)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || !File.Exists("/dev/full"), "/dev/full is not here");
        var start = new ProcessStartInfo("bash", ["-c", line]) { RedirectStandardError = true, WorkingDirectory = Repository.Root };
        (start.Environment["LAB"], start.Environment["NOTEBOOK"]) = (Repository.Path("bin", "HeadKvLab.dll"), Repository.Path("bin", "notebook", "HeadKvLab.Notebook.dll"));
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    [Theory]
    [InlineData("dotnet $LAB methods"), InlineData("dotnet $LAB --help"), InlineData("dotnet $LAB eval --help"), InlineData("dotnet $LAB --version"), InlineData("dotnet $LAB doctor"), InlineData("dotnet $LAB model show data/models/world-4m")]
    [InlineData("dotnet $LAB plan --config data/configs/llama-3-8b.json --bandwidth 1555"), InlineData("dotnet $LAB tokens --model data/models/world-4m --text Anna --json"), InlineData("dotnet $LAB world sample")]
    [InlineData("dotnet $LAB generate --model data/models/world-4m --prompt Anna -n 3"), InlineData("dotnet $LAB eval world --lengths 512 --questions 1 --families single"), InlineData("dotnet $NOTEBOOK --help")]
    public void A_full_one_is_told_in_a_line(string command)
    {
        var (code, error) = Shell($"{command} > /dev/full");
        Assert.Equal(1, code);
        Assert.EndsWith("standard output: No space left on device\n", error);
        Assert.DoesNotContain("   at ", error);
    }

    [Fact]
    public void So_is_one_that_nobody_reads_or_that_is_closed()
    {
        var (code, error) = Shell("{ sleep 0.2; dotnet $LAB methods; echo $? >&2; } | true");
        Assert.Equal((0, "lab: standard output: nobody reads it any more\n1\n"), (code, error));
        (code, error) = Shell("dotnet $LAB methods >&-");
        Assert.Equal((1, "lab: standard output: Bad file descriptor\n"), (code, error));
    }

    /// <summary>What cannot be told cannot be told: the work goes on.</summary>
    [Fact]
    public void A_full_error_stream_changes_nothing()
    {
        Assert.Equal((0, ""), Shell("dotnet $LAB methods >/dev/null 2>/dev/full"));
        Assert.Equal((2, ""), Shell("dotnet $LAB frobnicate 2>/dev/full"));
    }
}
