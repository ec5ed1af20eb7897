namespace HeadKvLab.Kernels;

/// <summary>
/// Keys and values of one layer's heads in raw memory: head h owns the entries <c>offsets[h] .. offsets[h] + counts[h]</c>
/// of both buffers, <c>[entry, dim]</c>.
/// </summary>
/// <param name="keys">Key buffer.</param>
/// <param name="values">Value buffer.</param>
/// <param name="format">Format of its numbers, one of <see cref="NumberFormats.Floating"/>.</param>
/// <param name="dim">Numbers in an entry.</param>
/// <param name="counts">Entries of each head, <c>[kvHead]</c>, all above 0.</param>
/// <param name="offsets">First entry of each head, <c>[kvHead]</c>.</param>
/// <param name="firstBias">Added to the logit of each head's entry 0, <c>[kvHead]</c>; empty for none.</param>
public readonly unsafe ref struct RaggedHeads(
    void* keys, void* values, NumberFormat format, int dim, ReadOnlySpan<int> counts, ReadOnlySpan<long> offsets, ReadOnlySpan<float> firstBias = default)
{
    /// <summary>Key buffer.</summary>
    public void* Keys { get; } = keys;

    /// <summary>Value buffer.</summary>
    public void* Values { get; } = values;

    /// <summary>Format of the numbers.</summary>
    public NumberFormat Format { get; } = format;

    /// <summary>Numbers in an entry.</summary>
    public int Dim { get; } = dim;

    /// <summary>Entries of each head.</summary>
    public ReadOnlySpan<int> Counts { get; } = counts;

    /// <summary>First entry of each head.</summary>
    public ReadOnlySpan<long> Offsets { get; } = offsets;

    /// <summary>Bias of each head's entry 0.</summary>
    public ReadOnlySpan<float> FirstBias { get; } = firstBias;
}
