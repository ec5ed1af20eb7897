namespace HeadKvLab.Kernels;

/// <summary>
/// How a sealed block of up to 64 entries of one head lies in memory, at 8, 4 or 2 bits a number. Keys share a scale and a zero per channel,
/// values per entry and 64 channels (KIVI's rule, arXiv 2402.02750); both are float16. In order:
/// <code>
/// key scales [dim], key zeros [dim], key codes [dim][entries / codes per byte],
/// value scales [group][entry], value zeros [group][entry], value codes [entry][dim / codes per byte]
/// </code>
/// Code i of a row of n bytes stands in byte i mod n, the first n in the lowest bits: one widening gives vectors of neighbours.
/// </summary>
/// <param name="Bits">Bits of a code: 8, 4 or 2; 0: not in blocks.</param>
public readonly record struct BlockFormat(int Bits)
{
    /// <summary>Entries of a full block.</summary>
    public const int Entries = 64;

    /// <summary>Entries below which a block saves nothing: its scales cost what its codes save.</summary>
    public const int Least = 8;

    /// <summary>Most channels of an entry's value that share a scale.</summary>
    public const int ValueGroup = 64;

    /// <summary>Codes in a byte.</summary>
    public int PerByte => 8 / Bits;

    /// <summary>The largest code.</summary>
    public int Largest => (1 << Bits) - 1;

    /// <summary>Bytes of a block.</summary>
    /// <param name="entries">Its entries, 1 to 64.</param>
    /// <param name="dim">Numbers in a key or a value.</param>
    public int Bytes(int entries, int dim) => ValueCodesAt(entries, dim) + entries * RowOf(dim);

    /// <summary>Bytes of a channel's key codes in a block of so many entries, or of an entry's value codes in so many channels.</summary>
    internal int RowOf(int codes) => (codes + PerByte - 1) / PerByte;

    /// <summary>Groups of channels that share a value's scale.</summary>
    internal static int GroupsOf(int dim) => (dim + ValueGroup - 1) / ValueGroup;

    internal static int KeyCodesAt(int dim) => 4 * dim;

    internal int ValueScalesAt(int entries, int dim) => KeyCodesAt(dim) + dim * RowOf(entries);

    internal int ValueCodesAt(int entries, int dim) => ValueScalesAt(entries, dim) + 4 * entries * GroupsOf(dim);
}
