using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Profiling.Machine;

/// <summary>Measures the tensor engine in about two seconds. Each rate is the best of several runs, so that other work on the machine disturbs least.</summary>
public static partial class EngineProbe
{
    /// <summary>Environment variables of libtorch, its thread pools and glibc's allocator that decide speed.</summary>
    public static readonly IReadOnlyList<string> Variables = ["OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"];

    /// <summary>Runs all measurements.</summary>
    public static EngineReport Run()
    {
        using var quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        var assembly = typeof(torch).Assembly.GetName();
        return new EngineReport
        {
            Engine = $"{assembly.Name} {assembly.Version?.ToString(3)}",
            Libtorch = __version__,
            Processor = FirstValue("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Cores = Environment.ProcessorCount,
            Threads = get_num_threads(),
            Vectors = Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : AdvSimd.IsSupported ? "NEON" : "none",
            Gpu = Gpu(),
            GigaflopsFloat32 = Gigaflops(ScalarType.Float32),
            GigaflopsBFloat16 = Gigaflops(ScalarType.BFloat16),
            StreamingGigabytes = Streaming(),
            PageFaultsPerLargeOperator = PageFaults(),
            OneRowLinearOverProduct = OneRowRatio(),
            TensorsLeftByScope = LeftByScope(),
            LibtorchFile = Mapped("libtorch_cpu") ?? "unknown",
            Environment = Variables.ToDictionary(name => name, NativeVariable),
        };
    }

    private static double Gigaflops(ScalarType type)
    {
        const long n = 1024;
        Tensor a = ones([n, n], type), b = ones([n, n], type);
        return 2.0 * n * n * n / BestSeconds(6, () => a.mm(b).Dispose()) * 1e-9;
    }

    /// <summary>GB/s (10^9) of reading 256 MB on all threads, the best of five.</summary>
    internal static double Streaming()
    {
        using var memory = new MemoryReader(256 << 20);
        return memory.Gigabytes(5);
    }

    /// <summary>The same on a device, of a gigabyte: small sums are over before a GPU is busy.</summary>
    internal static double Streaming(Device device)
    {
        if (device.type == DeviceType.CPU) return Streaming();
        using var scope = NewDisposeScope();
        Tensor data = ones([256 << 20], device: device);
        return 4.0 * (256 << 20) / BestSeconds(5, () => { data.sum().Dispose(); cuda.synchronize(device); }) * 1e-9;
    }

    private static long PageFaults()
    {
        Tensor x = ones(4096, 1536);
        long fewest = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long before = MinorFaults();
            x.add(x).Dispose();
            fewest = Math.Min(fewest, MinorFaults() - before);
        }
        return fewest * get_num_threads();   // each thread writes its share
    }

    private static double OneRowRatio()
    {
        Tensor row = ones(1, 1024), column = ones(1024), weight = ones(4096, 1024);
        return BestSeconds(20, () => F.linear(row, weight).Dispose()) / BestSeconds(20, () => weight.matmul(column).Dispose());
    }

    private static long LeftByScope()
    {
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (NewDisposeScope())
            for (int i = 0; i < 100; i++) zeros(4);
        return DisposeScopeManager.Statistics.ThreadTotalLiveCount - before;
    }

    private static double BestSeconds(int runs, Action action)
    {
        action();
        double best = double.MaxValue;
        for (int i = 0; i < runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    /// <summary>What a report says of a GPU whose driver is there while libtorch is the one for CPUs.</summary>
    internal const string Unused = "present, but unused by this build";

    private static string Gpu()
    {
        if (cuda.is_available()) return string.Create(CultureInfo.InvariantCulture, $"CUDA, {cuda.device_count()} device(s)");
        return File.Exists("/proc/driver/nvidia/version") ? Unused : "none";
    }

    private static string? FirstValue(string file, string key) =>
        File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() : null;

    private static string? Mapped(string library) =>
        File.Exists("/proc/self/maps") ? File.ReadLines("/proc/self/maps").Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1]).FirstOrDefault(p => Path.GetFileName(p).StartsWith(library, StringComparison.Ordinal)) : null;

    /// <summary>Page faults of this thread so far, so that other work in the process does not count.</summary>
    private static long MinorFaults() =>
        File.Exists("/proc/thread-self/stat") ? long.Parse(File.ReadAllText("/proc/thread-self/stat").Split(") ")[^1].Split(' ')[7], CultureInfo.InvariantCulture) : 0;

    private static string? NativeVariable(string name) => OperatingSystem.IsWindows() ? Environment.GetEnvironmentVariable(name) : Marshal.PtrToStringUTF8(GetEnv(name));

    /// <summary>.NET's own view of the environment is a copy from the start of the process and misses what was set since.</summary>
    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr GetEnv(string name);
}
