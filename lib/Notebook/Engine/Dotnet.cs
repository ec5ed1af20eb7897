using System.Runtime.InteropServices;

namespace HeadKvLab.Notebook.Engine;

/// <summary>The .NET that runs this program. A front end that was not started from a shell may have none on its PATH.</summary>
internal static class Dotnet
{
    /// <summary>Its folder, what DOTNET_ROOT names.</summary>
    internal static string Root { get; } = new DirectoryInfo(RuntimeEnvironment.GetRuntimeDirectory()).Parent!.Parent!.Parent!.FullName;

    /// <summary>Its command; where the runtime stands without one, the one on the PATH.</summary>
    internal static string Command { get; } =
        Path.Combine(Root, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet") is var file && File.Exists(file) ? file : "dotnet";
}
