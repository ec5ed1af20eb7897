using System.Runtime.CompilerServices;

namespace HeadKvLab.Kernels;

/// <summary>How a number is stored.</summary>
public enum Element
{
    /// <summary>32 bits.</summary>
    Float32,

    /// <summary>16 bits with the exponent of 32.</summary>
    BFloat16,

    /// <summary>IEEE half precision.</summary>
    Float16,
}

/// <summary>Storing numbers in each of the formats.</summary>
public static unsafe class Elements
{
    /// <summary>Bytes of a number.</summary>
    public static int Size(this Element element) => element == Element.Float32 ? 4 : 2;

    /// <summary>Rounds numbers to nearest, ties to even, and stores them.</summary>
    /// <param name="element">The format.</param>
    /// <param name="source">Numbers.</param>
    /// <param name="target">Room for as many, in the format.</param>
    public static void Narrow(this Element element, ReadOnlySpan<float> source, byte* target)
    {
        switch (element)
        {
            case Element.Float32:
                source.CopyTo(new Span<float>(target, source.Length));
                break;
            case Element.BFloat16:
                var bits = new Span<ushort>(target, source.Length);
                for (var i = 0; i < source.Length; i++) bits[i] = Bfloat16(source[i]);
                break;
            default:
                var halves = new Span<Half>(target, source.Length);
                for (var i = 0; i < source.Length; i++) halves[i] = (Half)source[i];
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Bfloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)0x7FC0 : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
