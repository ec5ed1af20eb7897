using HeadKvLab.Kernels;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <summary>What a cache holds, apart from how much of it.</summary>
/// <param name="Layers">Decoder layers.</param>
/// <param name="KvHeads">Heads of a layer that own entries: KV heads, or query heads at query-head granularity.</param>
/// <param name="HeadDim">Numbers in a key or a value.</param>
/// <param name="Storage">Float32, BFloat16 or Float16.</param>
public readonly record struct CacheShape(int Layers, int KvHeads, int HeadDim, ScalarType Storage = ScalarType.Float32)
{
    /// <summary>Bytes of one stored entry: its key and its value.</summary>
    public int EntryBytes => 2 * HeadDim * Format.Bytes();

    /// <summary>Format of the stored numbers.</summary>
    /// <exception cref="LabException">The cache cannot store this kind of number.</exception>
    public NumberFormat Format => Storage.Format();
}
