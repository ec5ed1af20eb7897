using System.Diagnostics;
using System.Runtime.InteropServices;
using HeadKvLab.Cli;

namespace HeadKvLab.Tests.Profiling;

public class MemoryShortageTests
{
    [Theory]
    [InlineData("[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 68719476736 bytes. Error code 12 (Cannot allocate memory)", "68719476736 bytes")]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79.15 GiB total capacity)", "2.00 GiB")]
    public void TheLibrarysMessageIsUnderstood(string message, string bytes) =>
        Assert.Contains(bytes, MemoryShortage.Describe(new InvalidOperationException("outer", new ExternalException(message)))!, StringComparison.Ordinal);

    [Fact]
    public void OtherErrorsStayThemselves() => Assert.Null(MemoryShortage.Describe(new InvalidOperationException("something else")));

    /// <summary>A real program whose address space ends in the middle of a prefill of two million tokens.</summary>
    [Fact]
    public void AProgramThatRunsOutOfMemorySaysHowMuchItWanted()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/prlimit"), "no prlimit here to set the limit");
        var start = new ProcessStartInfo("/usr/bin/prlimit", ["--as=5000000000", "dotnet", Repository.Path("bin", "HeadKvLab.dll"), "profile",
            "--model", Repository.Path("data", "models", "world-4m"), "--contexts", "2000000", "--methods", "FullKV", "--generate", "2", "--repetitions", "1"])
        { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["DOTNET_GCHeapHardLimit"] = "10000000"; // 256 MB; otherwise the runtime reserves far more address space than the limit
        using var program = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var end = limit.Token.Register(program.Kill);
        var error = program.StandardError.ReadToEnd();
        program.WaitForExit();
        Assert.Contains("memory ran out", error, StringComparison.Ordinal);
        Assert.Matches(@"\d+ (bytes|[MG]iB)", error);
        Assert.Equal(1, program.ExitCode);
    }
}
