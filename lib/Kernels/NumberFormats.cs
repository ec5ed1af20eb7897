using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>Name and size of the number formats, and how numbers are stored in them.</summary>
public static unsafe class NumberFormats
{
    /// <summary>The formats of a model's weights and of its cache; as 8-bit integers only matrices are held while decoding.</summary>
    public static IReadOnlyList<NumberFormat> Floating { get; } = [NumberFormat.Float32, NumberFormat.BFloat16, NumberFormat.Float16];

    /// <summary>The format's name in files and options: <c>float32</c>, <c>bfloat16</c>, <c>float16</c>, <c>int8</c>.</summary>
    public static string Name(this NumberFormat format) => Names<NumberFormat>.Of(format);

    /// <summary>Bytes of a number; an integer's row factor not counted.</summary>
    public static int Bytes(this NumberFormat format) => format switch { NumberFormat.Float32 => 4, NumberFormat.Int8 => 1, _ => 2 };

    /// <summary>Finds a format by its name.</summary>
    public static bool TryParse(string? name, out NumberFormat format) => Names<NumberFormat>.TryParse(name, out format);

    /// <summary>Rounds numbers to nearest, ties to even, and stores them.</summary>
    /// <param name="format">One of <see cref="Floating"/>.</param>
    /// <param name="source">Numbers.</param>
    /// <param name="target">Room for as many, in the format.</param>
    public static void Narrow(this NumberFormat format, ReadOnlySpan<float> source, byte* target)
    {
        switch (format)
        {
            case NumberFormat.Float32:
                source.CopyTo(new Span<float>(target, source.Length));
                break;
            case NumberFormat.BFloat16:
                var bits = new Span<ushort>(target, source.Length);
                for (var i = 0; i < source.Length; i++) bits[i] = Bfloat16(source[i]);
                break;
            case NumberFormat.Float16:
                var halves = new Span<Half>(target, source.Length);
                for (var i = 0; i < source.Length; i++) halves[i] = (Half)source[i];
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(format), format, "integers need a factor per row: see PackedMatrix.Quantise");
        }
    }

    /// <summary>Reads stored numbers; exact.</summary>
    /// <param name="format">One of <see cref="Floating"/>.</param>
    /// <param name="source">Numbers in the format.</param>
    /// <param name="target">Room for as many.</param>
    public static void Widen(this NumberFormat format, byte* source, Span<float> target)
    {
        switch (format)
        {
            case NumberFormat.Float32: Widen<Float32Lanes>(source, target); break;
            case NumberFormat.BFloat16: Widen<BFloat16Lanes>(source, target); break;
            case NumberFormat.Float16: Widen<Float16Lanes>(source, target); break;
            default: throw new ArgumentOutOfRangeException(nameof(format), format, "integers need a factor per row: see PackedMatrix.Quantise");
        }
    }

    private static void Widen<TLanes>(byte* source, Span<float> target) where TLanes : unmanaged, ILanes
    {
        fixed (float* numbers = target)
        {
            var i = 0;
            for (; i + 16 <= target.Length; i += 16) TLanes.Load(source + (long)i * TLanes.Size).Store(numbers + i);
            for (; i < target.Length; i++) numbers[i] = TLanes.One(source + (long)i * TLanes.Size);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Bfloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)0x7FC0 : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
