namespace HeadKvLab.Kernels;

/// <summary>Keys and values of one layer's heads: head h owns the runs <c>firstRun[h] .. firstRun[h + 1]</c>, in the order of its entries.</summary>
/// <param name="runs">Runs of all heads, head after head.</param>
/// <param name="firstRun">Where the runs of each head begin, and where the last one's end, <c>[kvHead + 1]</c>; empty: one run for each head.</param>
/// <param name="format">Format of the numbers.</param>
/// <param name="dim">Numbers in an entry.</param>
public readonly ref struct RaggedHeads(ReadOnlySpan<Run> runs, ReadOnlySpan<int> firstRun, NumberFormat format, int dim)
{
    /// <summary>Runs of all heads.</summary>
    public ReadOnlySpan<Run> Runs { get; } = runs;

    /// <summary>Where each head's runs begin; empty: head h has run h.</summary>
    public ReadOnlySpan<int> FirstRun { get; } = firstRun;

    /// <summary>Format of the numbers.</summary>
    public NumberFormat Format { get; } = format;

    /// <summary>Numbers in an entry.</summary>
    public int Dim { get; } = dim;

    /// <summary>KV heads.</summary>
    public int Count => FirstRun.IsEmpty ? Runs.Length : FirstRun.Length - 1;

    /// <summary>The runs of one head.</summary>
    public ReadOnlySpan<Run> this[int head] => FirstRun.IsEmpty ? Runs.Slice(head, 1) : Runs[FirstRun[head]..FirstRun[head + 1]];
}
