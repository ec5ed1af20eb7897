using HeadKvLab.Cache;

namespace HeadKvLab.Eviction;

/// <summary>A way to compress a prompt's cache: what is worth keeping, how much each head may keep, what becomes of the rest.</summary>
/// <param name="Name">Name in the catalogue.</param>
/// <param name="Scorer">Ranks positions inside a head.</param>
/// <param name="Allocator">Gives each head its number.</param>
/// <param name="Remainder">Makes something of what is dropped; null drops it.</param>
public sealed record Method(string Name, IScorer Scorer, IAllocator Allocator, IRemainder? Remainder = null)
{
    /// <summary>Whether the method keeps everything, whatever the budget.</summary>
    public bool KeepsAll => Allocator is Allocators.Everything;
}

/// <summary>What becomes of the entries that are not kept: one more stored entry for each head that drops any.</summary>
public interface IRemainder
{
    /// <summary>Stands for what each head drops, <c>[head]</c>.</summary>
    /// <param name="layer">The layer's prompt.</param>
    /// <param name="kept">Positions each head keeps, ascending, <c>[head][entry]</c>.</param>
    Summary[] Summarise(in LayerPrompt layer, ReadOnlySpan<int[]> kept);
}
