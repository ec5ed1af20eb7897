using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>Reads stored numbers as float32, sixteen at a time: one source of every kernel for all formats.</summary>
internal unsafe interface ILanes
{
    /// <summary>Bytes of a number.</summary>
    static abstract int Size { get; }

    /// <summary>Sixteen numbers, widened.</summary>
    static abstract Vector512<float> Load(byte* source);

    /// <summary>The sixteen numbers after those, widened.</summary>
    static abstract Vector512<float> Next(byte* source);

    /// <summary>One number, widened.</summary>
    static abstract float One(byte* source);
}

/// <summary>
/// Reads thirty-two stored numbers as two vectors of sixteen, in the order that costs least: numbers 0 to 15 and 16 to 31, or, where
/// <see cref="Interleaved"/>, those of even and those of odd index. What they meet must be in the same order.
/// </summary>
internal unsafe interface IPairedLanes : ILanes
{
    /// <summary>Whether the first vector holds the even ones.</summary>
    static abstract bool Interleaved { get; }

    /// <summary>The first sixteen of thirty-two.</summary>
    static abstract Vector512<float> First(byte* source);

    /// <summary>The other sixteen.</summary>
    static abstract Vector512<float> Second(byte* source);
}

/// <summary>float32.</summary>
internal readonly unsafe struct Float32Lanes : IPairedLanes
{
    public static int Size => 4;

    public static bool Interleaved => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> First(byte* source) => Vector512.Load((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Second(byte* source) => Vector512.Load((float*)source + 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source) => Vector512.Load((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Next(byte* source) => Load(source + 16 * Size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float One(byte* source) => *(float*)source;
}

/// <summary>bfloat16: the upper half of a float32. Of two neighbours in 32 bits, a shift makes one and a mask the other.</summary>
internal readonly unsafe struct BFloat16Lanes : IPairedLanes
{
    public static int Size => 2;

    public static bool Interleaved => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> First(byte* source) => (Vector512.Load((uint*)source) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Second(byte* source) => (Vector512.Load((uint*)source) & Vector512.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source) => (Widening.To32(Vector256.Load((ushort*)source)) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Next(byte* source) => Load(source + 16 * Size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float One(byte* source) => BitConverter.UInt32BitsToSingle((uint)*(ushort*)source << 16);
}

/// <summary>
/// bfloat16 in blocks of thirty-two, numbers k and k + 16 of a block in one word: a shift and a mask give them in their order, at half the cost of
/// widening. Rows are whole blocks.
/// </summary>
internal readonly unsafe struct BlockedBFloat16Lanes : ILanes
{
    public const int Block = 32;

    public static int Size => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source) => BFloat16Lanes.First(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Next(byte* source) => BFloat16Lanes.Second(source);

    public static float One(byte* source) => BFloat16Lanes.One(source);

    /// <summary>Where number <paramref name="index"/> of a row stands, in numbers.</summary>
    public static int Place(int index) => index / Block * Block + index % 16 * 2 + index % Block / 16;
}

/// <summary>IEEE half: exponent rebased by a multiplication, which also mends the small numbers.</summary>
internal readonly unsafe struct Float16Lanes : IPairedLanes
{
    public static int Size => 2;

    public static bool Interleaved => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> First(byte* source) => Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Second(byte* source) => Load(source + 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source)
    {
        var wide = Widening.To32(Vector256.Load((ushort*)source));
        var sign = (wide & Vector512.Create(0x8000u)) << 16;
        var magnitude = ((wide & Vector512.Create(0x7FFFu)) << 13).AsSingle() * Vector512.Create(5.192296858534828e33f); // 2^112
        var special = Vector512.GreaterThanOrEqual(wide & Vector512.Create(0x7C00u), Vector512.Create(0x7C00u));
        var infinite = (((wide & Vector512.Create(0x7FFFu)) << 13) | Vector512.Create(0x7F800000u)).AsSingle();
        return (Vector512.ConditionalSelect(special.AsSingle(), infinite, magnitude).AsUInt32() | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Next(byte* source) => Load(source + 16 * Size);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float One(byte* source) => (float)*(Half*)source;
}

/// <summary>Sixteen 16-bit numbers as 32-bit ones.</summary>
internal static class Widening
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> To32(Vector256<ushort> bits) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512UInt32(bits)
        : Vector512.Create(Vector256.WidenLower(bits), Vector256.WidenUpper(bits));
}
