using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Writes and reads sealed blocks. Of a group x: scale s = (max - min) / (2^bits - 1), zero z = min and
/// code = round((x - z) / s), half to even (KIVI, arXiv 2402.02750); read back as z + s code with both rounded to float16.
/// A group of equal numbers has scale 0 and codes 0, where the authors' code divides 0 by 0.
/// </summary>
public static unsafe class BlockSealer
{
    /// <summary>Writes a block.</summary>
    /// <param name="format">Bits of a code.</param>
    /// <param name="keys">Keys, <c>[entry, dim]</c>.</param>
    /// <param name="values">Values, same shape.</param>
    /// <param name="entries">Entries, 1 to 64.</param>
    /// <param name="dim">Numbers in a key or a value.</param>
    /// <param name="block">Receives <see cref="BlockFormat.Bytes"/>.</param>
    /// <returns>False where a number is infinite or none: what was written is no block.</returns>
    public static bool Seal(BlockFormat format, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int entries, int dim, Span<byte> block)
    {
        var finite = true;
        Span<float> column = stackalloc float[BlockFormat.Entries];
        Span<byte> codes = stackalloc byte[BlockFormat.Entries + Vector512<float>.Count];
        var row = format.RowOf(entries);
        fixed (byte* start = block)
        {
            Half* scales = (Half*)start, zeros = scales + dim;
            for (var channel = 0; channel < dim; channel++)
            {
                for (var entry = 0; entry < entries; entry++) column[entry] = keys[entry * dim + channel];
                finite &= Quantise(format, column[..entries], out scales[channel], out zeros[channel], codes);
                Pack(format, codes, 0, entries, block.Slice(BlockFormat.KeyCodesAt(dim) + channel * row, row));
            }
            var groups = BlockFormat.GroupsOf(dim);
            scales = (Half*)(start + format.ValueScalesAt(entries, dim));
            zeros = scales + groups * entries;
            row = format.RowOf(dim);
            for (var entry = 0; entry < entries; entry++)
            {
                var packed = block.Slice(format.ValueCodesAt(entries, dim) + entry * row, row);
                packed.Clear();
                for (var group = 0; group < groups; group++)
                {
                    var first = group * BlockFormat.ValueGroup;
                    var numbers = values.Slice(entry * dim + first, Math.Min(BlockFormat.ValueGroup, dim - first));
                    finite &= Quantise(format, numbers, out scales[group * entries + entry], out zeros[group * entries + entry], codes);
                    Add(format, codes, first, numbers.Length, packed);
                }
            }
        }
        return finite;
    }

    /// <summary>Reads one key of a block.</summary>
    /// <param name="format">Bits of a code.</param>
    /// <param name="block">The block.</param>
    /// <param name="entries">Its entries.</param>
    /// <param name="entry">Which of them.</param>
    /// <param name="key">Receives it, <c>[dim]</c>.</param>
    public static void Key(BlockFormat format, byte* block, int entries, int entry, Span<float> key)
    {
        Half* scales = (Half*)block, zeros = scales + key.Length;
        var row = format.RowOf(entries);
        for (var channel = 0; channel < key.Length; channel++)
            key[channel] = (float)zeros[channel] + (float)scales[channel] * Code(format, block + BlockFormat.KeyCodesAt(key.Length) + channel * row, row, entry);
    }

    /// <summary>Reads one value of a block.</summary>
    /// <param name="format">Bits of a code.</param>
    /// <param name="block">The block.</param>
    /// <param name="entries">Its entries.</param>
    /// <param name="entry">Which of them.</param>
    /// <param name="value">Receives it, <c>[dim]</c>.</param>
    public static void Value(BlockFormat format, byte* block, int entries, int entry, Span<float> value)
    {
        var (dim, row) = (value.Length, format.RowOf(value.Length));
        Half* scales = (Half*)(block + format.ValueScalesAt(entries, dim)), zeros = scales + BlockFormat.GroupsOf(dim) * entries;
        var codes = block + format.ValueCodesAt(entries, dim) + entry * row;
        for (var channel = 0; channel < dim; channel++)
        {
            var at = channel / BlockFormat.ValueGroup * entries + entry;
            value[channel] = (float)zeros[at] + (float)scales[at] * Code(format, codes, row, channel);
        }
    }

    private static int Code(BlockFormat format, byte* row, int bytes, int index) => row[index % bytes] >> index / bytes * format.Bits & format.Largest;

    private static bool Quantise(BlockFormat format, ReadOnlySpan<float> numbers, out Half scale, out Half zero, Span<byte> codes)
    {
        var (least, most) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (var number in numbers) (least, most) = (Math.Min(least, number), Math.Max(most, number)); // NaN stays NaN
        var step = (most - least) / format.Largest;
        (zero, scale) = (Rounded(least), Rounded(step));
        if (!float.IsFinite(least) || !float.IsFinite(most)) return false;
        if ((float)scale <= 0)
        {
            scale = (Half)0;
            codes.Clear();
            return true;
        }
        var (z, s, top) = (Vector512.Create(least), Vector512.Create(step), Vector512.Create((float)format.Largest));
        for (var i = 0; i < numbers.Length; i += Vector512<float>.Count)
        {
            var lanes = i + Vector512<float>.Count <= numbers.Length ? Vector512.Create(numbers[i..]) : Remainder(numbers[i..]);
            var code = Vector512.ConvertToInt32(Vector512.Clamp(Vector512.Round((lanes - z) / s), Vector512<float>.Zero, top));
            Vector128.Narrow(Vector256.Narrow(code.GetLower(), code.GetUpper()).GetLower(), Vector256.Narrow(code.GetLower(), code.GetUpper()).GetUpper()).AsByte().CopyTo(codes[i..]);
        }
        return true;
    }

    private static Vector512<float> Remainder(ReadOnlySpan<float> numbers)
    {
        Span<float> padded = stackalloc float[Vector512<float>.Count];
        padded.Clear();
        numbers.CopyTo(padded);
        return Vector512.Create<float>(padded);
    }

    /// <summary>The nearest float16 that is a number: what lies beyond its range is its end.</summary>
    private static Half Rounded(float number) => (Half)Math.Clamp(number, (float)Half.MinValue, (float)Half.MaxValue);

    private static void Pack(BlockFormat format, ReadOnlySpan<byte> codes, int first, int count, Span<byte> row)
    {
        row.Clear();
        Add(format, codes, first, count, row);
    }

    /// <summary>Puts codes into a row whose code <paramref name="first"/> is the first of them.</summary>
    private static void Add(BlockFormat format, ReadOnlySpan<byte> codes, int first, int count, Span<byte> row)
    {
        for (var i = 0; i < count; i++)
        {
            var at = first + i;
            row[at % row.Length] |= (byte)(codes[i] << at / row.Length * format.Bits);
        }
    }
}
