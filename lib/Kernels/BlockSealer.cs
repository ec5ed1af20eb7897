using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Writes and reads sealed blocks. Of a group x: scale s = (max - min) / (2^bits - 1), zero z = min and
/// code = round((x - z) / s), half to even (KIVI, arXiv 2402.02750); read back as z + s code with both rounded to float16.
/// A group of equal numbers has scale 0 and codes 0, where the authors' code divides 0 by 0.
/// </summary>
public static unsafe class BlockSealer
{
    private const int Lanes = 16;

    /// <summary>Writes a block.</summary>
    /// <param name="format">How it lies.</param>
    /// <param name="keys">Keys, <c>[entry, dim]</c>.</param>
    /// <param name="values">Values, same shape.</param>
    /// <param name="entries">Entries, 1 to 64.</param>
    /// <param name="dim">Numbers in a key or a value.</param>
    /// <param name="block">Receives <see cref="BlockFormat.Bytes"/>.</param>
    /// <param name="channels">Channels that its keys have, ascending; empty: all.</param>
    /// <returns>False where a number is infinite or none: what was written is no block.</returns>
    public static bool Seal(BlockFormat format, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int entries, int dim, Span<byte> block, ReadOnlySpan<ushort> channels = default)
    {
        var kept = format.KeyDim(dim);
        if (kept != (channels.IsEmpty ? dim : channels.Length)) throw new ArgumentException($"{channels.Length} channels are listed where keys have {kept} of {dim}", nameof(channels));
        var finite = format.Dropped == 0 || IsFinite(keys[..(entries * dim)]); // what is dropped may hide nothing
        if (format.Bits == 16) return finite & IsFinite(values[..(entries * dim)]) && Copy(format, keys, values, entries, dim, block, channels);
        Span<float> column = stackalloc float[BlockFormat.Entries];
        Span<byte> codes = stackalloc byte[Math.Max(dim, BlockFormat.Entries) + Lanes];
        var row = format.RowOf(entries);
        fixed (byte* start = block)
        {
            Half* scales = (Half*)start, zeros = scales + kept;
            for (var channel = 0; channel < kept; channel++)
            {
                Column(keys, dim, channels.IsEmpty ? channel : channels[channel], column[..entries]);
                finite &= Quantise(format, column[..entries], out scales[channel], out zeros[channel], codes);
                Pack(format, codes, block.Slice(format.KeyCodesAt(dim) + channel * row, row));
            }
            var groups = BlockFormat.GroupsOf(dim);
            scales = (Half*)(start + format.ValueScalesAt(entries, dim));
            zeros = scales + groups * entries;
            row = format.RowOf(dim);
            for (var entry = 0; entry < entries; entry++)
            {
                for (var group = 0; group < groups; group++)
                {
                    var first = group * BlockFormat.ValueGroup;
                    var numbers = values.Slice(entry * dim + first, Math.Min(BlockFormat.ValueGroup, dim - first));
                    finite &= Quantise(format, numbers, out scales[group * entries + entry], out zeros[group * entries + entry], codes[first..]);
                }
                Pack(format, codes, block.Slice(format.ValueCodesAt(entries, dim) + entry * row, row));
            }
        }
        return finite;
    }

    /// <summary>Reads one key of a block.</summary>
    /// <param name="format">Bits of a code.</param>
    /// <param name="block">The block.</param>
    /// <param name="entries">Its entries.</param>
    /// <param name="entry">Which of them.</param>
    /// <param name="key">Receives it, <c>[dim]</c>; 0 in the channels that it lacks.</param>
    /// <param name="channels">Channels that keys have; null: all.</param>
    public static void Key(BlockFormat format, byte* block, int entries, int entry, Span<float> key, ushort* channels = null)
    {
        var kept = format.KeyDim(key.Length);
        Half* scales = (Half*)block, zeros = scales + kept;
        var row = format.RowOf(entries);
        var codes = block + format.KeyCodesAt(key.Length);
        if (channels != null) key.Clear();
        for (var channel = 0; channel < kept; channel++, codes += row)
            key[channels == null ? channel : channels[channel]] = format.Bits == 16 ? BFloat16Lanes.One(codes + 2 * entry) : (float)zeros[channel] + (float)scales[channel] * Code(format, codes, row, entry);
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
        if (format.Bits == 16)
        {
            NumberFormat.BFloat16.Widen(codes, value);
            return;
        }
        for (var channel = 0; channel < dim; channel++)
        {
            var at = channel / BlockFormat.ValueGroup * entries + entry;
            value[channel] = (float)zeros[at] + (float)scales[at] * Code(format, codes, row, channel);
        }
    }

    /// <summary>Writes a block of bfloat16.</summary>
    private static bool Copy(BlockFormat format, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int entries, int dim, Span<byte> block, ReadOnlySpan<ushort> channels)
    {
        Span<float> column = stackalloc float[entries];
        fixed (byte* start = block)
        {
            for (var channel = 0; channel < format.KeyDim(dim); channel++)
            {
                Column(keys, dim, channels.IsEmpty ? channel : channels[channel], column);
                NumberFormat.BFloat16.Narrow(column, start + channel * format.RowOf(entries));
            }
            NumberFormat.BFloat16.Narrow(values[..(entries * dim)], start + format.ValueCodesAt(entries, dim));
        }
        return true;
    }

    private static void Column(ReadOnlySpan<float> keys, int dim, int channel, Span<float> column)
    {
        for (var entry = 0; entry < column.Length; entry++) column[entry] = keys[entry * dim + channel];
    }

    private static bool IsFinite(ReadOnlySpan<float> numbers)
    {
        var odd = 0f;
        foreach (var number in numbers) odd += number * 0; // infinity or none times 0 is none
        return odd == 0;
    }

    internal static int Code(BlockFormat format, byte* row, int bytes, int index) => row[index % bytes] >> index / bytes * format.Bits & format.Largest;

    /// <summary>Codes of a group, and zeros behind them up to sixteen.</summary>
    internal static bool Quantise(BlockFormat format, ReadOnlySpan<float> numbers, out Half scale, out Half zero, Span<byte> codes)
    {
        var first = numbers[0];
        var (least, most, odd) = (Vector512.Create(first), Vector512.Create(first), Vector512<float>.Zero);
        for (var i = 0; i < numbers.Length; i += Lanes)
        {
            var lanes = i + Lanes <= numbers.Length ? Vector512.Create(numbers[i..]) : Remainder(numbers[i..], first);
            (least, most, odd) = (Vector512.MinNative(least, lanes), Vector512.MaxNative(most, lanes), odd + lanes * Vector512<float>.Zero);
        }
        var (z, top) = (Least(least), -Least(-most));
        var step = (top - z) / format.Largest;
        (zero, scale) = (Rounded(z), Rounded(step));
        if (Vector512.Sum(odd) != 0 || !float.IsFinite(step)) return false; // infinity or none times 0 is none
        for (var i = 0; i < numbers.Length; i += Lanes)
        {
            var lanes = i + Lanes <= numbers.Length ? Vector512.Create(numbers[i..]) : Remainder(numbers[i..], z);
            var code = scale == (Half)0 ? default : Vector512.ConvertToInt32Native(Vector512.MinNative(Vector512.Round((lanes - Vector512.Create(z)) / Vector512.Create(step)), Vector512.Create((float)format.Largest)));
            Vector128.Narrow(Vector256.Narrow(code.GetLower(), code.GetUpper()).GetLower(), Vector256.Narrow(code.GetLower(), code.GetUpper()).GetUpper()).AsByte().CopyTo(codes[i..]);
        }
        return true;
    }

    private static float Least(Vector512<float> lanes)
    {
        var half = Vector256.MinNative(lanes.GetLower(), lanes.GetUpper());
        var quarter = Vector128.MinNative(half.GetLower(), half.GetUpper());
        quarter = Vector128.MinNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MinNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    private static Vector512<float> Remainder(ReadOnlySpan<float> numbers, float other)
    {
        Span<float> padded = stackalloc float[Lanes];
        padded.Fill(other);
        numbers.CopyTo(padded);
        return Vector512.Create<float>(padded);
    }

    /// <summary>The nearest float16 that is a number: what lies beyond its range is its end.</summary>
    private static Half Rounded(float number) => (Half)Math.Clamp(number, (float)Half.MinValue, (float)Half.MaxValue);

    /// <summary>Puts codes into a row: the first of them into the lowest bits, as many as the row has bytes.</summary>
    internal static void Pack(BlockFormat format, ReadOnlySpan<byte> codes, Span<byte> row)
    {
        codes[..row.Length].CopyTo(row);
        for (var part = 1; part < format.PerByte; part++)
        {
            var above = codes[(part * row.Length)..];
            var (shift, i) = (part * format.Bits, 0);
            for (; i + Vector128<byte>.Count <= row.Length; i += Vector128<byte>.Count) // no code reaches into its neighbour
                (Vector128.Create<byte>(row[i..]) | (Vector128.Create(above[i..]).AsUInt16() << shift).AsByte()).CopyTo(row[i..]);
            for (; i < row.Length; i++) row[i] |= (byte)(above[i] << shift);
        }
    }
}
