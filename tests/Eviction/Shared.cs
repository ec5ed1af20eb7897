using System.Runtime.CompilerServices;

namespace HeadKvLab.Tests.Eviction;

/// <summary>Finds the validation data beside the repository; tests that need it say so and pass where it is not.</summary>
internal static class Shared
{
    public static string? Path(ITestOutputHelper output, string relative, [CallerFilePath] string here = "")
    {
        var root = System.IO.Path.GetDirectoryName(here)!;
        while (!File.Exists(System.IO.Path.Combine(root, "HeadKvLab.csproj"))) root = System.IO.Path.GetDirectoryName(root)!;
        var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(root, "..", "shared", "data", relative));
        if (System.IO.Path.Exists(path)) return path;
        output.WriteLine($"skipped: ../shared/data/{relative} is not here");
        return null;
    }
}
