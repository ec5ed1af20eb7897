using System.Runtime.InteropServices;

namespace HeadKvLab;

/// <summary>Says in one sentence why libtorch could not be loaded: which file, what it lacks, on which system.</summary>
internal static class EngineFailure
{
    /// <summary>libtorch's files in the order in which they need each other.</summary>
    private static readonly string[] Files = ["libc10.so", "libtorch_cpu.so", "libtorch_cuda.so", "libtorch.so", "libLibTorchSharp.so"];

    /// <summary>The message, or null when the exception comes from something else.</summary>
    internal static string? Describe(Exception e)
    {
        for (var cause = e; cause is not null; cause = cause.InnerException)
            if (cause is DllNotFoundException or TypeInitializationException { TypeName: "TorchSharp.torch" } || cause.Message.Contains("doesn't contain reference to libtorch", StringComparison.Ordinal))
                return Describe(AppContext.BaseDirectory);
        return null;
    }

    /// <summary>The same for the files of a folder.</summary>
    internal static string Describe(string folder) =>
        $"libtorch cannot be loaded on this system ({RuntimeInformation.OSDescription}, {RuntimeInformation.RuntimeIdentifier}): {Reason(folder)}. environment.md says which systems it runs on";

    private static string Reason(string folder)
    {
        foreach (var file in Files.Select(name => Path.Combine(folder, name)))
        {
            if (!File.Exists(file))
            {
                if (file.EndsWith("libtorch_cuda.so", StringComparison.Ordinal)) continue;
                return OperatingSystem.IsLinux() ? $"{file} is missing; build again (./lab build)" : "its files are not beside the program";
            }
            try { NativeLibrary.Load(file); }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException) { return LastSentence(e.Message, file); }
        }
        return "its files are there and load; the first tensor failed";
    }

    /// <summary>.NET's message says several things; the loader's own word is the line that names the file.</summary>
    private static string LastSentence(string message, string file) =>
        message.Split('\n').LastOrDefault(line => line.Contains(Path.GetFileName(file), StringComparison.Ordinal) && line.Contains(": ", StringComparison.Ordinal))?.Trim().TrimEnd('.') ?? message.Trim();
}
