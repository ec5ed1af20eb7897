using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace HeadKvLab.Calibration;

/// <summary>Arrays of numpy, <c>.npy</c>: a line that tells type and shape, then the numbers. Read are little-endian float32 and float64 in C order; written is float32.</summary>
internal static partial class NumpyFile
{
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Whether a file begins as one.</summary>
    internal static bool IsOne(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> start = stackalloc byte[6];
            return file.ReadAtLeast(start, 6, throwOnEndOfStream: false) == 6 && start.SequenceEqual(Magic);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="LabException">It cannot be read, ends early, or holds other numbers.</exception>
    internal static (int[] Shape, double[] Numbers) Read(string path)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {error.Message}", error);
        }
        if (file.Length < 10 || !file.AsSpan(0, 6).SequenceEqual(Magic)) throw new LabException($"{path}: is no .npy file: it does not begin with numpy's mark");
        var (at, long32) = (file[6] == 1 ? 10 : 12, file[6] > 1);
        var length = file.Length < at ? -1 : long32 ? BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(8)) : BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(8));
        if (length < 0 || length > file.Length - at) throw new LabException($"{path}: ends inside its header: the download is incomplete");
        var header = Encoding.Latin1.GetString(file, at, length);
        var (type, order, shape) = (Type().Match(header).Groups[1].Value, Order().Match(header).Groups[1].Value, Shape().Match(header));
        if (type is not ("<f4" or "<f8") || order != "False" || !shape.Success)
            throw new LabException($"{path}: its header is '{header.Trim()}': float32 or float64 in C order is read; write it anew with numpy.save(path, array.astype('float32'))");
        int[] sizes;
        try { sizes = [.. shape.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(size => int.Parse(size, NumberStyles.None, CultureInfo.InvariantCulture))]; }
        catch (Exception error) when (error is FormatException or OverflowException) { throw new LabException($"{path}: its shape is ({shape.Groups[1].Value}): sizes are whole numbers below 2^31", error); }
        var (bytes, count) = (type == "<f4" ? 4 : 8, sizes.Aggregate(1L, (product, size) => product > int.MaxValue ? product : product * size));
        if (count * bytes != file.Length - at - length) throw new LabException($"{path}: has {file.Length - at - length} bytes of numbers, its shape ({string.Join(", ", sizes)}) wants {count * bytes}: the download is incomplete");
        var numbers = new double[count];
        for (var i = 0; i < numbers.Length; i++)
        {
            var place = file.AsSpan(at + length + i * bytes);
            numbers[i] = bytes == 4 ? BinaryPrimitives.ReadSingleLittleEndian(place) : BinaryPrimitives.ReadDoubleLittleEndian(place);
        }
        return (sizes, numbers);
    }

    /// <summary>Writes a file of float32.</summary>
    internal static void Write(string path, int[] shape, ReadOnlySpan<double> numbers)
    {
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({string.Join(", ", shape)}), }}";
        header = header.PadRight((header.Length + 11 + 63) / 64 * 64 - 11) + "\n"; // numbers begin at a multiple of 64
        var file = new byte[10 + header.Length + 4 * numbers.Length];
        Magic.CopyTo(file);
        file[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(8), (ushort)header.Length);
        Encoding.Latin1.GetBytes(header, file.AsSpan(10));
        for (var i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(10 + header.Length + 4 * i), (float)numbers[i]);
        File.WriteAllBytes(path, file);
    }

    [GeneratedRegex("'descr'\\s*:\\s*'([^']*)'")]
    private static partial Regex Type();

    [GeneratedRegex("'fortran_order'\\s*:\\s*(True|False)")]
    private static partial Regex Order();

    [GeneratedRegex("'shape'\\s*:\\s*\\(([^)]*)\\)")]
    private static partial Regex Shape();
}
