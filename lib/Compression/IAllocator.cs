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
/// <see cref="BudgetRules"/> turns requests into whole entries; allocators know nothing of it.
/// </summary>
/// <param name="requested">Entries requested, window excluded, real-valued, <c>[head]</c> or <c>[layer, head]</c>.</param>
/// <param name="weights">Proportion in which a head takes what other heads cannot use, same shape.</param>
public readonly ref struct Allotment(Span<double> requested, Span<double> weights)
{
    /// <summary>Entries requested, window excluded.</summary>
    public Span<double> Requested { get; } = requested;

    /// <summary>Shares of what others leave; need not sum to anything.</summary>
    public Span<double> Weights { get; } = weights;

    /// <summary>Gives every head the same request and the same weight.</summary>
    public void Fill(double entries)
    {
        Requested.Fill(entries);
        Weights.Fill(1);
    }
}

/// <summary>How much each head may keep, known before its layer arrives or with it.</summary>
public interface IAllocator : IShare
{
    /// <summary>Whether all layers are allotted at once or each from its own scores.</summary>
    AllocationScope Scope { get; }

    /// <summary>Fills <paramref name="allotment"/>: the whole model when <see cref="Scope"/> says so, else one layer.</summary>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <param name="scores">The layer's scores <c>[head, candidate]</c>; empty for <see cref="AllocationScope.Model"/>.</param>
    /// <param name="allotment">Where the requests go.</param>
    void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment);
}
