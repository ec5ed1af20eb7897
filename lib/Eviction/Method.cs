using HeadKvLab.Cache;

namespace HeadKvLab.Eviction;

/// <summary>A way to compress a prompt's cache: what is worth keeping, how much each head may keep, what becomes of the rest.</summary>
/// <param name="Name">Name in the catalogue.</param>
/// <param name="Scorer">Ranks positions inside a head.</param>
/// <param name="Allocator">Gives each head its number.</param>
/// <param name="Remainder">Makes something of what is dropped; null drops it.</param>
public sealed record Method(string Name, IScorer Scorer, IAllocator Allocator, IRemainder? Remainder = null)
{
    /// <summary>Ranks positions inside a head. One's own in place of a catalogued one's takes <see cref="Settings"/> away: they were the other's.</summary>
    public IScorer Scorer { get; init => (field, Settings) = (value, Settings.None); } = Scorer;

    /// <summary>Gives each head its number. One's own in place of a catalogued one's takes <see cref="Settings"/> and <see cref="Tables"/> away.</summary>
    public IAllocator Allocator { get; init => (field, Settings, Tables) = (value, Settings.None, Settings.None); } = Allocator;

    /// <summary>All settings of a catalogued method, defaults included; one's own method names its own here, to have them in its rows.</summary>
    public Settings Settings { get; init; } = Settings.None;

    /// <summary>The tables that the method uses, each by its name with its hash.</summary>
    public Settings Tables { get; init; } = Settings.None;

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
