using System.ComponentModel;
using System.Diagnostics;

namespace HeadKvLab.Tests;

/// <summary>What some tests want and not every machine has: where it is missing, the test is skipped and says why.</summary>
internal static class Requires
{
    public static void Linux(string why) => Assert.SkipUnless(OperatingSystem.IsLinux(), why);

    /// <summary>Shells, signals, file modes.</summary>
    public static void Unix() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such shell, signals and file modes");

    public static void NoGpu() => Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "a GPU is here");

    /// <summary>The first of several programs that runs with these arguments; skips the test where none does.</summary>
    public static string Program(string[] programs, string[] arguments, string what)
    {
        var found = programs.FirstOrDefault(program => Runs(program, arguments));
        Assert.SkipWhen(found is null, $"no {what} here");
        return found!;
    }

    /// <summary>Python, with a module of this name.</summary>
    public static string Python(string module, string package) => Program(["python3", "/usr/bin/python3", "python"], ["-c", $"import {module}"], $"python3 with {module} (Debian: {package})");

    private static bool Runs(string program, string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
