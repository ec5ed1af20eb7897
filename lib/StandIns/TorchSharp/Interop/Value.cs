using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>What a <see cref="Value"/> holds; the numbers are those of shim.cpp.</summary>
internal enum Tag { None, Tensor, Int, Double, Bool, Device, String, IntList, DoubleList, BoolList, TensorList, Default, Generator }

/// <summary>A tagged value of 16 bytes, the same in C++: how arguments and results cross the bridge.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct Value
{
    [FieldOffset(0)] public Tag Tag;
    [FieldOffset(4)] public int Length;
    [FieldOffset(8)] public long Int;
    [FieldOffset(8)] public double Double;
    [FieldOffset(8)] public void* Pointer;
}

/// <summary>What the native side tells of a tensor in one call; the pointers live as long as the tensor.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Meta
{
    public int Ndim, Dtype, DeviceType, DeviceIndex;
    public long Numel;
    public void* Data;
    public long* Sizes;
    public long* Strides;
    public int Contiguous, RequiresGrad;
}
