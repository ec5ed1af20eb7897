namespace HeadKvLab.Kernels;

/// <summary>Consecutive entries of one KV head in raw memory. A head is a list of runs: one where it is stored in one piece.</summary>
/// <param name="keys">Its keys, <c>[entry, dim]</c>.</param>
/// <param name="values">Its values, <c>[entry, dim]</c>.</param>
/// <param name="count">Entries, above 0.</param>
/// <param name="firstBias">Added to the logit of entry 0.</param>
public readonly unsafe struct Run(void* keys, void* values, int count, float firstBias = 0)
{
    /// <summary>Keys.</summary>
    public void* Keys { get; } = keys;

    /// <summary>Values.</summary>
    public void* Values { get; } = values;

    /// <summary>Entries.</summary>
    public int Count { get; } = count;

    /// <summary>Added to the logit of entry 0.</summary>
    public float FirstBias { get; } = firstBias;
}
