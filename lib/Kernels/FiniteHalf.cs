using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>float16 numbers that are neither infinite nor none, as float32.</summary>
internal static unsafe class FiniteHalf
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ushort* source)
    {
        var wide = Widening.To32(Vector256.Load(source));
        var magnitude = ((wide & Vector512.Create(0x7FFFu)) << 13).AsSingle() * Vector512.Create(5.192296858534828e33f); // 2^112
        return (magnitude.AsUInt32() | ((wide & Vector512.Create(0x8000u)) << 16)).AsSingle();
    }
}
