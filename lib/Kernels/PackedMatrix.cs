using System.Runtime.InteropServices;

namespace HeadKvLab.Kernels;

/// <summary>
/// A weight matrix <c>[rows, columns]</c> in memory, row-major, as the matrix-vector kernel reads it. Either a view of memory that
/// somebody else keeps, or numbers of its own: bfloat16 (<see cref="Narrowed"/>) or 8-bit integers (<see cref="Quantise"/>), where row r is <c>factor[r] * q[r, :]</c> with factor = max|row| / 127 (symmetric,
/// round half to even), so each weight is off by at most half a factor. Who makes a matrix disposes it; afterwards its use is an exception.
/// </summary>
public sealed unsafe class PackedMatrix : IDisposable
{
    private readonly byte* _values;
    private readonly long _ownBytes; // 0: a view
    private bool _disposed;

    /// <summary>A view.</summary>
    /// <param name="values">First number; must stay valid as long as this object is used.</param>
    /// <param name="format">How numbers are stored; not <see cref="NumberFormat.Int8"/>.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="bias">Added to the product, <c>[rows]</c>; null for none.</param>
    public PackedMatrix(nint values, NumberFormat format, int rows, int columns, nint bias = 0)
    {
        if (format == NumberFormat.Int8) throw new ArgumentException("8-bit matrices are made by Quantise", nameof(format));
        (Format, Rows, Columns) = (format, rows, columns);
        _values = (byte*)values;
        Bias = (float*)bias;
    }

    private PackedMatrix(nuint ownBytes, NumberFormat format, PackedMatrix exact)
    {
        (Format, Rows, Columns) = (format, exact.Rows, exact.Columns);
        Bias = exact.Bias;
        _values = (byte*)NativeMemory.AlignedAlloc(ownBytes, 64);
        _ownBytes = (long)ownBytes;
        GC.AddMemoryPressure(_ownBytes); // the collector sees only this small object
    }

    /// <summary>Releases what a matrix owns that nobody disposed.</summary>
    ~PackedMatrix() => Release();

    /// <summary>Releases what the matrix owns. No product may be running.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>How the numbers are stored.</summary>
    public NumberFormat Format { get; }

    /// <summary>Outputs.</summary>
    public int Rows { get; }

    /// <summary>Inputs.</summary>
    public int Columns { get; }

    /// <summary>Bytes that one product reads.</summary>
    public long Bytes => (long)Rows * Columns * Format.Bytes() + (Factors == null ? 0 : 4L * Rows);

    /// <summary>The first number.</summary>
    /// <exception cref="ObjectDisposedException">The matrix was disposed.</exception>
    internal byte* Values
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _values;
        }
    }

    internal float* Factors { get; private set; }

    internal float* Bias { get; }

    /// <summary>Whether numbers stand as <see cref="BlockedBFloat16Lanes"/> reads them.</summary>
    internal bool Blocked { get; private init; }

    /// <summary>The same matrix in 8-bit integers.</summary>
    public PackedMatrix Quantise()
    {
        if (Format == NumberFormat.Int8) return this;
        var bytes = (nuint)Rows * (nuint)Columns;
        var padded = (bytes + 63) & ~(nuint)63;
        var row = new float[Columns];
        var narrow = new PackedMatrix(padded + 4 * (nuint)Rows, NumberFormat.Int8, this);
        var q = (sbyte*)narrow._values;
        var factors = narrow.Factors = (float*)(narrow._values + padded);
        for (var r = 0; r < Rows; r++)
        {
            Row(r, row);
            float largest = 0;
            foreach (var w in row) largest = MathF.Max(largest, MathF.Abs(w));
            factors[r] = largest / 127;
            var inverse = largest > 0 ? 127 / largest : 0;
            for (var c = 0; c < row.Length; c++) q[(long)r * Columns + c] = (sbyte)MathF.Round(row[c] * inverse);
        }
        GC.KeepAlive(this);
        return narrow;
    }

    /// <summary>
    /// The same numbers in half the bytes where that loses nothing: float32 numbers that all are bfloat16 ones, as after loading a
    /// bfloat16 checkpoint in float32. Products stay equal to the last bit. Otherwise the matrix itself.
    /// </summary>
    public PackedMatrix Narrowed()
    {
        if (Format != NumberFormat.Float32) return this;
        var count = (long)Rows * Columns;
        var wide = (uint*)Values;
        for (long i = 0; i < count; i++)
            if ((wide[i] & 0xFFFF) != 0) return this;
        var narrow = new PackedMatrix((nuint)count * 2, NumberFormat.BFloat16, this) { Blocked = Columns % BlockedBFloat16Lanes.Block == 0 };
        for (var r = 0; r < Rows; r++)
            for (var c = 0; c < Columns; c++)
                ((ushort*)narrow._values)[(long)r * Columns + (narrow.Blocked ? BlockedBFloat16Lanes.Place(c) : c)] = (ushort)(wide[(long)r * Columns + c] >> 16);
        GC.KeepAlive(this);
        return narrow;
    }

    /// <summary>One row, widened.</summary>
    /// <param name="row">Its index.</param>
    /// <param name="numbers"><c>[columns]</c>, overwritten.</param>
    public void Row(int row, Span<float> numbers)
    {
        var source = Values + (long)row * Columns * Format.Bytes();
        for (var c = 0; c < Columns; c++)
            numbers[c] = Format switch
            {
                NumberFormat.Float32 => Float32Lanes.One(source + 4 * c),
                NumberFormat.BFloat16 => BFloat16Lanes.One(source + 2 * (Blocked ? BlockedBFloat16Lanes.Place(c) : c)),
                NumberFormat.Float16 => Float16Lanes.One(source + 2 * c),
                _ => Int8Lanes.One(source + c) * Factors[row],
            };
        GC.KeepAlive(this);
    }

    private void Release()
    {
        if (_disposed) return;
        _disposed = true;
        if (_ownBytes == 0) return;
        NativeMemory.AlignedFree(_values);
        GC.RemoveMemoryPressure(_ownBytes);
    }
}
