using System.Runtime.InteropServices;
using System.Text;

namespace HeadKvLab.Profiling.Machine;

/// <summary>
/// An NVIDIA GPU as its driver's library describes it: name and memory, which TorchSharp's API does not tell. Ordinals are those of <c>cuda:0</c>,
/// <c>cuda:1</c>, since both obey CUDA_VISIBLE_DEVICES. Memory is that of the whole GPU, whoever took it.
/// </summary>
public sealed unsafe class GpuDriver
{
    private readonly delegate* unmanaged<nint, int> _push;
    private readonly delegate* unmanaged<nint*, int> _pop;
    private readonly delegate* unmanaged<nuint*, nuint*, int> _memory;
    private readonly nint _context;

    private GpuDriver(string name, nint library, nint context)
    {
        (Name, _context) = (name, context);
        _push = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuCtxPushCurrent_v2");
        _pop = (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(library, "cuCtxPopCurrent_v2");
        _memory = (delegate* unmanaged<nuint*, nuint*, int>)NativeLibrary.GetExport(library, "cuMemGetInfo_v2");
    }

    /// <summary>File name of the driver's library.</summary>
    public static string Library => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    /// <summary>Name of the GPU, for example <c>NVIDIA A100-SXM4-40GB</c>.</summary>
    public string Name { get; }

    /// <summary>Bytes in use and bytes there are; null when the driver does not say.</summary>
    public (long Used, long Total)? Memory
    {
        get
        {
            nuint free = 0, total = 0;
            nint popped = 0;
            if (_push(_context) != 0) return null;
            var answer = _memory(&free, &total);
            _ = _pop(&popped);
            return answer == 0 ? ((long)(total - free), (long)total) : null;
        }
    }

    /// <summary>Opens a GPU; it shares the context that the tensor library uses.</summary>
    /// <param name="ordinal">0 for <c>cuda:0</c>.</param>
    /// <param name="library">The driver's library; null: <see cref="Library"/>.</param>
    /// <returns>Null where there is no driver, no such GPU, or a driver that lacks what is needed.</returns>
    public static GpuDriver? Open(int ordinal, string? library = null)
    {
        if (!NativeLibrary.TryLoad(library ?? Library, out var loaded)) return null;
        try
        {
            var initialise = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(loaded, "cuInit");
            var get = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(loaded, "cuDeviceGet");
            var nameOf = (delegate* unmanaged<byte*, int, int, int>)NativeLibrary.GetExport(loaded, "cuDeviceGetName");
            var retain = (delegate* unmanaged<nint*, int, int>)NativeLibrary.GetExport(loaded, "cuDevicePrimaryCtxRetain");
            int device;
            nint context;
            var name = stackalloc byte[256];
            if (initialise(0) != 0 || get(&device, ordinal) != 0 || nameOf(name, 256, device) != 0 || retain(&context, device) != 0) return null;
            return new GpuDriver(Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)), loaded, context);
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }
}
