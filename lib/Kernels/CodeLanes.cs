using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>Reads codes of a <see cref="BlockFormat"/> as float32, sixteen at a time, from the rows that it lays them out in.</summary>
internal unsafe interface ICodes
{
    /// <summary>How blocks lie.</summary>
    static abstract BlockFormat Format { get; }

    /// <summary>Vector <paramref name="index"/> of a row: the parts of its first sixteen bytes, then those of the next.</summary>
    static abstract Vector512<float> Vector(byte* row, int index);

    /// <summary>Which code of a row of <paramref name="bytes"/> bytes is that vector's first.</summary>
    static abstract int First(int index, int bytes);
}

/// <summary>A code in a byte.</summary>
internal readonly unsafe struct Int8Codes : ICodes
{
    public static BlockFormat Format => new(8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Vector(byte* row, int index) => Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(row + 16 * index)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int First(int index, int bytes) => 16 * index;
}

/// <summary>Two codes in a byte. A permutation looks at four bits of its index: it takes the code out and makes it a float at once.</summary>
internal readonly unsafe struct Int4Codes : ICodes
{
    public static BlockFormat Format => new(4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Vector(byte* row, int index)
    {
        var wide = Avx512F.ConvertToVector512Int32(Vector128.Load(row + index / 2 * 16));
        return Avx512F.PermuteVar16x32(Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), index % 2 == 0 ? wide : wide >> 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int First(int index, int bytes) => index % 2 * bytes + index / 2 * 16;
}

/// <summary>Four codes in a byte, read as two codes of four bits are: the table repeats itself.</summary>
internal readonly unsafe struct Int2Codes : ICodes
{
    public static BlockFormat Format => new(2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Vector(byte* row, int index)
    {
        var wide = Avx512F.ConvertToVector512Int32(Vector128.Load(row + index / 4 * 16));
        var table = Vector512.Create(0f, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
        return Avx512F.PermuteVar16x32(table, (index % 4) switch { 0 => wide, 1 => wide >> 2, 2 => wide >> 4, _ => wide >> 6 });
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int First(int index, int bytes) => index % 4 * bytes + index / 4 * 16;
}
