using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Interop;

/// <summary>
/// Loads the bridge once, after preparing the process for libtorch. Settings the user made are kept.
/// <list type="bullet">
/// <item>OMP_WAIT_POLICY=passive: spinning thread pools collapse on a busy machine.</item>
/// <item>OPENBLAS_THREAD_TIMEOUT=14: OpenBLAS' threads spin for 2^26 cycles after a product, beside whatever comes next; now for 2^14, some microseconds.</item>
/// <item>ATEN_CPU_CAPABILITY=avx512 where the processor has it: ATen picks slower kernels on some machines.</item>
/// <item>mallopt: glibc gives blocks over 32 MB back to the kernel after every operator, and each large temporary is page-faulted again.
/// Threads that had an allocator arena of their own before this keep it, and its blocks go back all the same: MALLOC_ARENA_MAX=1 at the start of the process prevents that.</item>
/// <item>One intra-op thread per core: Debian's libtorch starts with one thread.</item>
/// <item>Libraries that libtorch asks for and does not use are stood for by empty twins: a faster start in less memory.</item>
/// </list>
/// All of it must happen before libtorch is loaded, by libc's own setenv: .NET's environment does not reach native code.
/// </summary>
internal static unsafe partial class NativeLoader
{
    [LibraryImport("libc", EntryPoint = "setenv")] private static partial int SetEnv(byte* name, byte* value, int overwrite);

    internal static void Load(string bridge)
    {
        Prefer("OMP_WAIT_POLICY"u8, "passive"u8);
        Prefer("OPENBLAS_THREAD_TIMEOUT"u8, "14"u8);
        if (Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported && Fma.IsSupported) Prefer("ATEN_CPU_CAPABILITY"u8, "avx512"u8);
        IntPtr library = Open(bridge);
        NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, (name, _, _) => name == bridge ? library : IntPtr.Zero);
        var keepFreedMemory = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, nameof(Native.lab_keep_freed_memory));
        var setThreads = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(library, nameof(Native.lab_set_threads));
        if (Environment.GetEnvironmentVariable("MALLOC_MMAP_MAX_") is null) keepFreedMemory();
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is null) setThreads(Environment.ProcessorCount);
    }

    private static IntPtr Open(string bridge)
    {
        string file = Path.Combine(AppContext.BaseDirectory, $"lib{bridge}.so");
        string beside = Path.Combine(Path.GetDirectoryName(typeof(NativeLoader).Assembly.Location) ?? "", $"lib{bridge}.so");
        if (File.Exists(beside)) file = beside;
        const string cure = "On Debian: apt-get install g++ libtorch-dev libopenblas0-pthread, then build again; or set LIBTORCH to an unpacked libtorch folder.";
        if (!File.Exists(file)) throw new DllNotFoundException($"{file}: the bridge to libtorch is missing: it is built where g++ and libtorch's headers are found. {cure}");
        if (OpenSpared(file) is { } spared) return spared;
        try { return NativeLibrary.Load(file); }
        catch (DllNotFoundException e) { throw new DllNotFoundException($"{file}: libtorch cannot be loaded ({e.Message}). {cure}", e); }
    }

    /// <summary>The bridge, with the empty twins of <c>unused/</c> (native/unused.sh) loaded before it; null without such, or when libtorch does need what they stand for.</summary>
    private static IntPtr? OpenSpared(string bridge)
    {
        string folder = Path.Combine(Path.GetDirectoryName(bridge)!, "unused");
        if (!Directory.Exists(folder)) return null;
        var twins = new List<IntPtr>();
        foreach (string file in Directory.GetFiles(folder))
            if (NativeLibrary.TryLoad(file, out IntPtr twin)) twins.Add(twin);
        if (NativeLibrary.TryLoad(bridge, out IntPtr library)) return library;
        twins.ForEach(NativeLibrary.Free);
        return null;
    }

    private static void Prefer(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* n = name, v = value) _ = SetEnv(n, v, 0);
    }
}
