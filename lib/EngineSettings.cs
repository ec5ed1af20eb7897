using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace HeadKvLab;

/// <summary>
/// Settings of glibc's allocator and of OpenMP that decide the speed of libtorch and that TorchSharp leaves alone. They are made when this assembly is
/// loaded, so that they hold in a notebook, in a user's own program and in the tests, not only under <c>./lab</c>. A variable that the user has set wins.
/// One setting cannot be made so late: MALLOC_ARENA_MAX=1, without which threads other than the first have memory of their own and hand large results back
/// all the same. <c>./lab</c> and the notebook kernel set it for the processes they start.
/// </summary>
internal static partial class EngineSettings
{
    private const int TrimThreshold = -1, MmapThreshold = -3, LargestThreshold = 32 << 20;   // mallopt's names for them, malloc.h

#pragma warning disable CA2255 // The settings must stand before the first tensor, whoever makes it.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Apply()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            setenv("OMP_WAIT_POLICY", "passive", overwrite: 0);   // spinning threads take the cores of a busy machine
            if (Environment.GetEnvironmentVariable("GLIBC_TUNABLES")?.Contains("glibc.malloc", StringComparison.Ordinal) == true) return;
            // Without these the memory of every large result goes back to the kernel and comes again page by page. The largest may: the heap of glibc 2.41
            // does not use their place again.
            Set(MmapThreshold, "MALLOC_MMAP_THRESHOLD_", LargestThreshold);
            Set(TrimThreshold, "MALLOC_TRIM_THRESHOLD_", int.MaxValue);
        }
        catch (EntryPointNotFoundException) { }                   // another C library than glibc
    }

    private static void Set(int parameter, string variable, int value)
    {
        if (Environment.GetEnvironmentVariable(variable) is null) mallopt(parameter, value);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);
}
