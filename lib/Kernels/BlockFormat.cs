namespace HeadKvLab.Kernels;

/// <summary>
/// How a sealed block of up to 64 entries of one head lies in memory, at 8, 4 or 2 bits a number. Keys share a scale and a zero per channel,
/// values per entry and 64 channels (KIVI's rule, arXiv 2402.02750); both are float16. In order:
/// <code>
/// key scales [channel], key zeros [channel], key codes [channel][entries / codes per byte],
/// value scales [group][entry], value zeros [group][entry], value codes [entry][dim / codes per byte]
/// </code>
/// Code i of a row of n bytes stands in byte i mod n, the first n in the lowest bits: one widening gives vectors of neighbours. Keys may lack channels, which
/// their head lists (ThinK, arXiv 2407.21018); with all values and those keys as bfloat16 there are no scales and zeros, and a code is the number.
/// </summary>
public readonly record struct BlockFormat
{
    /// <summary>Entries of a full block.</summary>
    public const int Entries = 64;

    /// <summary>Entries below which a block saves nothing: its scales cost what its codes save.</summary>
    public const int Least = 8;

    /// <summary>Most channels of an entry's value that share a scale.</summary>
    public const int ValueGroup = 64;

    private readonly ushort _bits, _dropped; // four bytes, so that a run takes a line of the processor's cache

    /// <summary>A format.</summary>
    /// <param name="bits">Bits of a code: 16, 8, 4 or 2; 0: not in blocks.</param>
    /// <param name="dropped">Channels that keys lack.</param>
    public BlockFormat(int bits, int dropped = 0) => (_bits, _dropped) = ((ushort)bits, (ushort)dropped);

    /// <summary>Bits of a code.</summary>
    public int Bits => _bits;

    /// <summary>Channels that keys lack.</summary>
    public int Dropped => _dropped;

    /// <summary>Codes in a byte; 0 where a code takes two.</summary>
    public int PerByte => 8 / Bits;

    /// <summary>The largest code.</summary>
    public int Largest => (1 << Bits) - 1;

    /// <summary>Bytes of a block.</summary>
    /// <param name="entries">Its entries, 1 to 64.</param>
    /// <param name="dim">Numbers in a value, and in a key that lacks none.</param>
    public int Bytes(int entries, int dim) => ValueCodesAt(entries, dim) + entries * RowOf(dim);

    /// <summary>Channels of a key.</summary>
    /// <param name="dim">Those of one that lacks none.</param>
    public int KeyDim(int dim) => dim - Dropped;

    /// <summary>Bytes of a channel's key codes in a block of so many entries, or of an entry's value codes in so many channels.</summary>
    internal int RowOf(int codes) => (codes * Bits + 7) / 8;

    /// <summary>Groups of channels that share a value's scale.</summary>
    internal static int GroupsOf(int dim) => (dim + ValueGroup - 1) / ValueGroup;

    internal int KeyCodesAt(int dim) => Scales * KeyDim(dim);

    internal int ValueScalesAt(int entries, int dim) => KeyCodesAt(dim) + KeyDim(dim) * RowOf(entries);

    internal int ValueCodesAt(int entries, int dim) => ValueScalesAt(entries, dim) + Scales * entries * GroupsOf(dim);

    /// <summary>Bytes of a group's scale and zero.</summary>
    private int Scales => Bits == 16 ? 0 : 4;
}
