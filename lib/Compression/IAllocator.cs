namespace HeadKvLab.Compression;

/// <summary>What an allocator must have seen before it can say how much a head may keep.</summary>
public enum AllocationScope
{
    /// <summary>The prompt's length alone: all layers are allotted at once, before the first is compressed.</summary>
    Model,

    /// <summary>The scores of the layer: each layer is allotted when it arrives.</summary>
    Layer,
}

/// <summary>
/// How much each head may keep, before anybody rounds or clips it.
/// <see cref="BudgetRules"/> turns wishes into whole entries; allocators know nothing of it.
/// </summary>
/// <param name="wanted">Entries wanted, window excluded, real-valued, <c>[head]</c> or <c>[layer, head]</c>.</param>
/// <param name="claims">Proportion in which a head takes what other heads cannot use, same shape.</param>
public readonly ref struct Allotment(Span<double> wanted, Span<double> claims)
{
    /// <summary>Entries wanted, window excluded.</summary>
    public Span<double> Wanted { get; } = wanted;

    /// <summary>Claims on what others leave; need not sum to anything.</summary>
    public Span<double> Claims { get; } = claims;

    /// <summary>Gives every head the same wish and the same claim.</summary>
    public void Fill(double entries)
    {
        Wanted.Fill(entries);
        Claims.Fill(1);
    }
}

/// <summary>How much each head may keep.</summary>
public interface IAllocator
{
    /// <summary>Whether all layers are allotted at once or each from its own scores.</summary>
    AllocationScope Scope { get; }

    /// <summary>Fills <paramref name="allotment"/>: the whole model when <see cref="Scope"/> says so, else one layer.</summary>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <param name="scores">The layer's scores <c>[head, candidate]</c>; empty for <see cref="AllocationScope.Model"/>.</param>
    /// <param name="allotment">Where the wishes go.</param>
    void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment);
}
