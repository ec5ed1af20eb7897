using System.Numerics;
using System.Runtime.InteropServices;

namespace HeadKvLab.Models;

/// <summary>Finds NaN and infinity in raw numbers: values whose exponent bits are all ones.</summary>
internal static class NonFinite
{
    /// <summary>Index of the first number that is not finite; -1 when all are, or when the type has no such values.</summary>
    /// <param name="bytes">Numbers, little-endian, a whole number of them.</param>
    /// <param name="type">Type in the spelling of safetensors.</param>
    internal static int First(ReadOnlySpan<byte> bytes, string type) => type switch
    {
        "F32" => First<uint>(bytes, 0x7f80_0000),
        "BF16" => First<ushort>(bytes, 0x7f80),
        "F16" => First<ushort>(bytes, 0x7c00),
        "F64" => First<ulong>(bytes, 0x7ff0_0000_0000_0000),
        _ => -1,
    };

    private static int First<T>(ReadOnlySpan<byte> bytes, T exponent) where T : unmanaged, IBinaryInteger<T>
    {
        var numbers = MemoryMarshal.Cast<byte, T>(bytes);
        var at = 0;
        var mask = new Vector<T>(exponent);
        for (; at <= numbers.Length - Vector<T>.Count; at += Vector<T>.Count)
            if (Vector.EqualsAny(new Vector<T>(numbers[at..]) & mask, mask)) break;
        for (; at < numbers.Length; at++)
            if ((numbers[at] & exponent) == exponent) return at;
        return -1;
    }
}
