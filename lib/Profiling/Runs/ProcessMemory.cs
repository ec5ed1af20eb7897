using System.Globalization;
using System.Runtime.InteropServices;

namespace HeadKvLab.Profiling.Runs;

/// <summary>
/// Resident memory of this process, as Linux counts it. The peak can be set back, so that one process measures several cases:
/// freed memory is first handed to the system, which the allocator's settings otherwise prevent.
/// </summary>
public static partial class ProcessMemory
{
    /// <summary>Whether the system tells a peak and lets it be set back.</summary>
    public static bool CanWatch { get; } = File.Exists("/proc/self/clear_refs") && TryReset();

    /// <summary>Bytes in physical memory now; 0 where the system does not tell.</summary>
    public static long Resident => Field("VmRSS:");

    /// <summary>Of <see cref="Resident"/>, bytes that belong to the process alone: neither shared nor pages of files; 0 where the system does not tell.</summary>
    public static long Own => Field("RssAnon:");

    /// <summary>Most bytes in physical memory at any one time since <see cref="Reset"/>; 0 where the system does not tell.</summary>
    public static long Peak => Field("VmHWM:");

    /// <summary>Bytes that programs can still take without swapping; <see cref="long.MaxValue"/> where the system does not tell.</summary>
    public static long Available
    {
        get
        {
            if (!File.Exists("/proc/meminfo")) return long.MaxValue;
            var line = File.ReadLines("/proc/meminfo").FirstOrDefault(l => l.StartsWith("MemAvailable:", StringComparison.Ordinal));
            return line is null ? long.MaxValue : Kilobytes(line);
        }
    }

    /// <summary>Hands freed memory to the system and starts a new peak.</summary>
    public static void Reset()
    {
        if (!CanWatch) return;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException) { } // musl keeps nothing back
        TryReset();
    }

    private static bool TryReset()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static long Field(string name)
    {
        if (!File.Exists("/proc/self/status")) return 0;
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line is null ? 0 : Kilobytes(line);
    }

    private static long Kilobytes(string line) => 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}
