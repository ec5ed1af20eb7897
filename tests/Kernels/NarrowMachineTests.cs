using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.Intrinsics;
using System.Text.RegularExpressions;

namespace HeadKvLab.Tests.Kernels;

/// <summary>The kernels on narrower machines than this one: the same tests in a process whose runtime does without AVX-512, without AVX2, and without any vector instruction.</summary>
public sealed partial class NarrowMachineTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512", 256), InlineData("DOTNET_EnableAVX2", 128), InlineData("DOTNET_EnableHWIntrinsic", 0)]
    public void The_kernels_fall_back(string setting, int widest)
    {
        Assert.InRange(int.Parse(Run(setting, "vectors"), CultureInfo.InvariantCulture), 0, widest);
        var kernels = typeof(NarrowMachineTests).Assembly.GetTypes().Where(type => type.IsPublic && type.Namespace == typeof(NarrowMachineTests).Namespace && type != typeof(NarrowMachineTests));
        var said = Run(setting, ["-noColor", .. kernels.Append(typeof(Models.DecoderReferenceTests)).SelectMany(type => (string[])["-class", type.FullName!])]);
        output.WriteLine(said);
        var counts = Summary().Match(said);
        Assert.True(counts.Success, said);
        Assert.Equal(("0", "0"), (counts.Groups["errors"].Value, counts.Groups["failed"].Value));
        Assert.InRange(int.Parse(counts.Groups["total"].Value, CultureInfo.InvariantCulture) - int.Parse(counts.Groups["skipped"].Value, CultureInfo.InvariantCulture), 250, 10_000);
    }

    /// <summary>In the child: the widest vectors that are in hardware, in bits.</summary>
    internal static int Tell()
    {
        Console.Write(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0);
        return Vector.IsHardwareAccelerated || !Vector128.IsHardwareAccelerated ? 0 : 1;
    }

    private static string Run(string setting, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Child).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, WorkingDirectory = Repository.Root };
        start.Environment[setting] = "0";
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? said : throw new InvalidOperationException($"{setting}=0, exit code {process.ExitCode}: {said}");
    }

    [GeneratedRegex(@"Total: (?<total>\d+), Errors: (?<errors>\d+), Failed: (?<failed>\d+), Skipped: (?<skipped>\d+)")]
    private static partial Regex Summary();
}
