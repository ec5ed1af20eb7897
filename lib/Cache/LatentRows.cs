using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <summary>
/// Latent vectors of tokens, one behind the other: numbers of a floating type, or codes with a scale and a zero, float16, for each 32 numbers of a vector.
/// A quantised vector is scales <c>[group]</c>, zeros <c>[group]</c>, codes <c>[rank]</c> as <see cref="BlockFormat"/> packs a row.
/// </summary>
/// <param name="rank">Numbers of a vector.</param>
/// <param name="codes">Bits of a code; null: not quantised.</param>
/// <param name="numbers">Type of the numbers that are not quantised.</param>
internal sealed unsafe class LatentRows(int rank, BlockFormat? codes, NumberFormat numbers)
{
    /// <summary>Numbers that share a scale and a zero.</summary>
    internal const int Group = 32;

    /// <summary>Entries that are read together.</summary>
    internal const int Block = BlockFormat.Entries;

    private byte[] _bytes = [];

    /// <summary>Vectors.</summary>
    public int Entries { get; private set; }

    /// <summary>Numbers of a vector.</summary>
    public int Rank => rank;

    /// <summary>Bytes of a vector.</summary>
    public int EntryBytes => codes is { } format ? CodesAt + format.RowOf(rank) : rank * numbers.Bytes();

    /// <summary>Bytes of all vectors.</summary>
    public long Bytes => (long)Entries * EntryBytes;

    /// <summary>Bytes of the memory that holds them.</summary>
    public long ReservedBytes => _bytes.Length;

    private static int GroupsOf(int numbers) => (numbers + Group - 1) / Group;

    private int CodesAt => 4 * GroupsOf(rank);

    /// <summary>Makes room for so many more vectors.</summary>
    public void Reserve(int more)
    {
        if (Bytes + (long)more * EntryBytes > _bytes.Length) Array.Resize(ref _bytes, checked((int)(Bytes + (long)Math.Max(more, Math.Min(Entries / 4, 4096)) * EntryBytes)));
    }

    /// <summary>Appends a vector; there is room for it.</summary>
    /// <returns>False where a number is infinite or none: nothing was appended.</returns>
    public bool Append(ReadOnlySpan<float> vector)
    {
        fixed (byte* start = _bytes)
        {
            var row = start + Bytes;
            var finite = true;
            if (codes is { } format)
            {
                Half* scales = (Half*)row, zeros = scales + GroupsOf(rank);
                Span<byte> wide = stackalloc byte[rank + 2 * Group];
                for (var group = 0; group < GroupsOf(rank); group++)
                {
                    var first = group * Group;
                    finite &= BlockSealer.Quantise(format, vector.Slice(first, Math.Min(Group, rank - first)), out scales[group], out zeros[group], wide[first..]);
                }
                BlockSealer.Pack(format, wide, new(row + CodesAt, format.RowOf(rank)));
            }
            else
            {
                foreach (var number in vector) finite &= float.IsFinite(number);
                numbers.Narrow(vector, row);
            }
            if (finite) Entries++;
            return finite;
        }
    }

    /// <summary>Reads a block of vectors.</summary>
    /// <param name="first">Index of the first.</param>
    /// <param name="block">Receives them, <c>[rank, entry]</c>, 64 entries: those that are missing are 0.</param>
    public void Read(int first, Span<float> block)
    {
        var count = Math.Min(Block, Entries - first);
        Span<float> row = stackalloc float[rank];
        if (count < Block) block.Clear();
        for (var entry = 0; entry < count; entry++)
        {
            ReadOne(first + entry, row);
            for (var k = 0; k < rank; k++) block[k * Block + entry] = row[k];
        }
    }

    private void ReadOne(int entry, Span<float> vector)
    {
        fixed (byte* start = _bytes)
        {
            var row = start + (long)entry * EntryBytes;
            if (codes is not { } format)
            {
                numbers.Widen(row, vector);
                return;
            }
            Half* scales = (Half*)row, zeros = scales + GroupsOf(rank);
            var packed = row + CodesAt;
            var bytes = format.RowOf(rank);
            for (var k = 0; k < rank; k++) vector[k] = (float)zeros[k / Group] + (float)scales[k / Group] * BlockSealer.Code(format, packed, bytes, k);
        }
    }

    /// <summary>Gives back the room to grow.</summary>
    public void Trim() => Array.Resize(ref _bytes, (int)Bytes);

    /// <summary>A copy that shares nothing.</summary>
    public LatentRows Clone() => new(rank, codes, numbers) { _bytes = (byte[])_bytes.Clone(), Entries = Entries };
}
