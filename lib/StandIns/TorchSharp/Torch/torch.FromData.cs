using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>Tensors from numbers and arrays. <c>tensor</c> copies; <c>from_array</c> and <c>as_tensor</c> share the array's memory.</summary>
public static partial class torch
{
    public static Tensor tensor(float scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(float[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(float[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(float[] rawArray, long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1], dtype, device, requires_grad);
    public static Tensor tensor(float[] rawArray, long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor tensor(float[] rawArray, long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2, d3], dtype, device, requires_grad);
    public static Tensor tensor(float[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<float>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1)], dtype, device, requires_grad);
    public static Tensor tensor(float[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<float>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1), rawArray.GetLongLength(2)], dtype, device, requires_grad);

    public static Tensor tensor(double scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(double[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(double[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(double[] rawArray, long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1], dtype, device, requires_grad);
    public static Tensor tensor(double[] rawArray, long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor tensor(double[] rawArray, long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2, d3], dtype, device, requires_grad);
    public static Tensor tensor(double[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<double>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1)], dtype, device, requires_grad);
    public static Tensor tensor(double[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<double>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1), rawArray.GetLongLength(2)], dtype, device, requires_grad);

    public static Tensor tensor(long scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(long[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(long[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(long[] rawArray, long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1], dtype, device, requires_grad);
    public static Tensor tensor(long[] rawArray, long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor tensor(long[] rawArray, long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2, d3], dtype, device, requires_grad);
    public static Tensor tensor(long[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<long>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1)], dtype, device, requires_grad);
    public static Tensor tensor(long[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<long>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1), rawArray.GetLongLength(2)], dtype, device, requires_grad);

    public static Tensor tensor(int scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(int[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(int[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(int[] rawArray, long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1], dtype, device, requires_grad);
    public static Tensor tensor(int[] rawArray, long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor tensor(int[] rawArray, long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2, d3], dtype, device, requires_grad);
    public static Tensor tensor(int[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<int>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1)], dtype, device, requires_grad);
    public static Tensor tensor(int[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<int>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1), rawArray.GetLongLength(2)], dtype, device, requires_grad);

    public static Tensor tensor(short scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(short[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(short[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);

    public static Tensor tensor(byte scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(byte[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(byte[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);

    public static Tensor tensor(sbyte scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(sbyte[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(sbyte[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);

    public static Tensor tensor(bool scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Copied(new[] { scalar }, [], dtype, device, requires_grad);
    public static Tensor tensor(bool[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(bool[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(bool[] rawArray, long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1], dtype, device, requires_grad);
    public static Tensor tensor(bool[] rawArray, long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor tensor(bool[] rawArray, long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(rawArray, [d0, d1, d2, d3], dtype, device, requires_grad);
    public static Tensor tensor(bool[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<bool>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1)], dtype, device, requires_grad);
    public static Tensor tensor(bool[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Copied(Flat<bool>(rawArray), [rawArray.GetLongLength(0), rawArray.GetLongLength(1), rawArray.GetLongLength(2)], dtype, device, requires_grad);

    public static Tensor from_array(Array rawArray, Device? device = null)
    {
        var size = new long[rawArray.Rank];
        for (int i = 0; i < size.Length; i++) size[i] = rawArray.GetLongLength(i);
        return Placed(Shared(rawArray, ElementType(rawArray), size, 0), null, device);
    }

    public static Tensor as_tensor(float[] rawArray, ScalarType? dtype = null, Device? device = null) => Placed(Shared(rawArray, TypeOf<float>(), [rawArray.Length], 0), dtype, device);
    public static Tensor as_tensor(double[] rawArray, ScalarType? dtype = null, Device? device = null) => Placed(Shared(rawArray, TypeOf<double>(), [rawArray.Length], 0), dtype, device);
    public static Tensor as_tensor(long[] rawArray, ScalarType? dtype = null, Device? device = null) => Placed(Shared(rawArray, TypeOf<long>(), [rawArray.Length], 0), dtype, device);
    public static Tensor as_tensor(int[] rawArray, ScalarType? dtype = null, Device? device = null) => Placed(Shared(rawArray, TypeOf<int>(), [rawArray.Length], 0), dtype, device);
    public static Tensor as_tensor(bool[] rawArray, ScalarType? dtype = null, Device? device = null) => Placed(Shared(rawArray, TypeOf<bool>(), [rawArray.Length], 0), dtype, device);
    public static Tensor as_tensor(byte[] rawArray, ScalarType? dtype = null, Device? device = null) => Placed(Shared(rawArray, TypeOf<byte>(), [rawArray.Length], 0), dtype, device);

    /// <summary>A tensor of an array's elements, each converted to <paramref name="dtype"/>: bytes are not reinterpreted.</summary>
    public static Tensor frombuffer(Array rawArray, ScalarType dtype, long count = -1, long offset = 0, bool requires_grad = false)
    {
        long length = rawArray.LongLength - offset;
        if (count > length) throw new IndexOutOfRangeException($"element count {count} from {offset} does not fit an array of {rawArray.LongLength}");
        return Recorded(Placed(Shared(rawArray, ElementType(rawArray), [count < 0 ? length : count], offset), dtype, null), requires_grad);
    }

    /// <summary>A tensor on the bytes of a file that the operating system maps; without <paramref name="shared"/> writing to it leaves the file alone.</summary>
    public static Tensor from_file(string filename, bool? shared = null, long? size = 0, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Recorded(Ops.from_file.Call(filename, shared is bool s ? s : Arg.None, size, dtype ?? defaultType, Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    private static Tensor Placed(Tensor tensor, ScalarType? dtype, Device? device)
    {
        if (dtype is ScalarType type) tensor = tensor.to(type, disposeAfter: type != tensor.dtype);
        return device is null && defaultDevice is null ? tensor : tensor.to((device ?? defaultDevice)!);
    }

    private static unsafe Tensor Copied<T>(ReadOnlySpan<T> data, ReadOnlySpan<long> size, ScalarType? dtype, Device? device, bool requires_grad) where T : unmanaged
    {
        long count = 1;
        foreach (long n in size) count *= n;
        if (count != data.Length) throw new ArgumentException($"{data.Length} elements do not fill a tensor of {count}");
        Tensor tensor = Ops.empty.Call(size, TypeOf<T>());
        if (count > 0) data.CopyTo(new Span<T>(tensor.Meta.Data, data.Length));
        GC.KeepAlive(tensor);
        return Recorded(Placed(tensor, dtype, device), requires_grad);
    }

    private static Tensor Copied<T>(T[] data, ReadOnlySpan<long> size, ScalarType? dtype, Device? device, bool requires_grad) where T : unmanaged =>
        Copied((ReadOnlySpan<T>)data, size, dtype, device, requires_grad);

    private static ReadOnlySpan<T> Flat<T>(Array array) => MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(array)), array.Length);

    private static ScalarType ElementType(Array array) => array switch
    {
        float[] or float[,] or float[,,] or float[,,,] => ScalarType.Float32,
        double[] or double[,] or double[,,] or double[,,,] => ScalarType.Float64,
        long[] or long[,] or long[,,] or long[,,,] => ScalarType.Int64,
        int[] or int[,] or int[,,] or int[,,,] => ScalarType.Int32,
        short[] => ScalarType.Int16,
        byte[] or byte[,] => ScalarType.Byte,
        sbyte[] => ScalarType.Int8,
        bool[] or bool[,] => ScalarType.Bool,
        Half[] => ScalarType.Float16,
        BFloat16[] => ScalarType.BFloat16,
        _ => throw new ArgumentException($"no element type holds the elements of {array.GetType()}"),
    };

    private static unsafe Tensor Shared(Array array, ScalarType type, ReadOnlySpan<long> size, long offset)
    {
        GCHandle pinned = GCHandle.Alloc(array, GCHandleType.Pinned);
        void* data = (byte*)pinned.AddrOfPinnedObject() + offset * SizeOf(type);
        fixed (long* n = size)
            return new Tensor(Native.Check(Native.lab_from_blob(data, n, size.Length, (int)type, &Unpin, (void*)GCHandle.ToIntPtr(pinned))));
    }

    [UnmanagedCallersOnly]
    private static unsafe void Unpin(void* handle) => GCHandle.FromIntPtr((IntPtr)handle).Free();
}
