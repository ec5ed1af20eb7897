using System.Diagnostics;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Engine;

/// <summary>What libtorch asks for and does not use is not loaded: native/unused.sh finds it, the loader stands empty twins in its place.</summary>
public sealed class UnusedLibrariesTests(ITestOutputHelper output)
{
    private static void Run(string folder, string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardError = true, Environment = { ["LD_LIBRARY_PATH"] = folder } })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
    }

    /// <summary>A library of one function; <paramref name="asks"/> names what it is linked with.</summary>
    private static void Library(string folder, string name, string source, params string[] asks)
    {
        File.WriteAllText(Path.Combine(folder, "source.c"), source);
        Run(folder, "g++", ["-x", "c", "-shared", "-fPIC", "source.c", "-x", "none", "-L.", "-Wl,--no-as-needed", .. asks.Select(a => $"-l:{a}"), $"-Wl,-soname,{name}", "-o", name]);
    }

    /// <summary>
    /// torch calls used(); of opencv_b it calls nothing, of opencv_c neither, but opencv_used needs c. deep is asked for by b alone.
    /// Only b has a twin: c is needed by what stays, plain is no library of images or video.
    /// </summary>
    [Fact]
    public void A_library_has_a_twin_only_where_nothing_that_stays_needs_it()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists("/usr/bin/g++")) { output.WriteLine("no g++ here: skipped"); return; }
        using var folder = new TemporaryFolder();
        Library(folder.Path, "libdeep.so.1", "int deep(void) { return 1; }");
        Library(folder.Path, "libopencv_b.so.1", "int b(void) { return 1; }", "libdeep.so.1");
        Library(folder.Path, "libopencv_c.so.1", "int c(void) { return 1; }");
        Library(folder.Path, "libopencv_used.so.1", "int c(void); int used(void) { return c(); }", "libopencv_c.so.1");
        Library(folder.Path, "libplain.so.1", "int plain(void) { return 1; }");
        Library(folder.Path, "libtorch_cpu.so.1", "int used(void); int torch(void) { return used(); }", "libopencv_used.so.1", "libopencv_b.so.1", "libopencv_c.so.1", "libplain.so.1");
        var twins = Path.Combine(folder.Path, "unused");
        Run(folder.Path, "sh", Repository.Path("lib", "StandIns", "TorchSharp", "native", "unused.sh"), Path.Combine(folder.Path, "libtorch_cpu.so.1"), twins);
        Assert.Equal(["libopencv_b.so.1"], Directory.GetFiles(twins).Select(Path.GetFileName));
    }

    [Fact]
    public void The_process_loads_neither_OpenCV_nor_what_that_asks_for()
    {
        zeros(1).Dispose();
        string[] loaded = OperatingSystem.IsLinux() ? [.. File.ReadLines("/proc/self/maps").Select(l => l.Split(' ')[^1]).Where(f => f.Contains(".so", StringComparison.Ordinal)).Distinct()] : [];
        if (!loaded.Any(f => f.StartsWith("/usr/lib/", StringComparison.Ordinal) && f.Contains("libtorch_cpu", StringComparison.Ordinal))) { output.WriteLine("libtorch is not the system's: skipped"); return; }
        Assert.DoesNotContain(loaded, f => f.Contains("libopencv", StringComparison.Ordinal) && !f.Contains("/unused/", StringComparison.Ordinal));
        Assert.DoesNotContain(loaded, f => f.Contains("libgdal", StringComparison.Ordinal) || f.Contains("libQt", StringComparison.Ordinal));
    }
}
