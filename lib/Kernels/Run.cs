namespace HeadKvLab.Kernels;

/// <summary>Consecutive entries of one KV head in raw memory. A head is a list of runs: one where it is stored in one piece.</summary>
/// <param name="keys">Its keys, <c>[entry, dim]</c>.</param>
/// <param name="values">Its values, <c>[entry, dim]</c>.</param>
/// <param name="count">Entries, above 0.</param>
/// <param name="firstBias">Added to the logit of entry 0.</param>
/// <param name="weights">Where the attention weights of the head's first query go, <c>[entry]</c>; null: nobody wants them.</param>
/// <param name="weightsApart">Numbers from there to the weights of the next query of the head.</param>
/// <param name="blocks">How the entries are sealed, where they are: keys is then the address of the first block, and values that of the channels which keys have, <c>ushort</c>, ascending; null: all.</param>
public readonly unsafe struct Run(void* keys, void* values, int count, float firstBias = 0, float* weights = null, int weightsApart = 0, SealedBlocks blocks = default)
{
    /// <summary>Keys.</summary>
    public void* Keys { get; } = keys;

    /// <summary>Values.</summary>
    public void* Values { get; } = values;

    /// <summary>Entries.</summary>
    public int Count { get; } = count;

    /// <summary>Added to the logit of entry 0.</summary>
    public float FirstBias { get; } = firstBias;

    /// <summary>Where the attention weights go; null: nobody wants them.</summary>
    public float* Weights { get; } = weights;

    /// <summary>Numbers between the weights of two queries of the head.</summary>
    public int WeightsApart { get; } = weightsApart;

    /// <summary>Where the weights are added up, those of a head's runs alike; the room for them is then scratch. Null: they are handed over.</summary>
    public RunSum* Sum { get; init; }

    /// <summary>Entries of the head before this run, by which its place in the sum is told.</summary>
    public int Before { get; init; }

    /// <summary>How the entries are sealed; default: they lie in rows.</summary>
    public SealedBlocks Blocks { get; } = blocks;
}

/// <summary>Consecutive entries in sealed blocks that lie one behind the other.</summary>
/// <param name="Format">How a block lies; default: no blocks.</param>
/// <param name="Entries">Entries of each block: 64, or fewer where there is one block only.</param>
/// <param name="First">Index in the first block of the first entry that is read.</param>
public readonly record struct SealedBlocks(BlockFormat Format, int Entries, int First)
{
    /// <summary>Whether there are any.</summary>
    public bool Any => Entries > 0;
}
