namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// PrefixKV with shares measured beforehand: every head of a layer keeps as much of the prompt as its layer's table says. From measured curves the share p of the attention
/// that all layers hold is solved for the budget; a file of the authors has one ratio, which <c>as-published</c> keeps whatever the budget is.
/// Paper: PrefixKV (arXiv 2412.03409), section 3.3: one prompt's own shares serve as well as those of many (<see cref="Bidders.EqualShare"/>).
/// </summary>
/// <param name="Shares">How much each layer keeps.</param>
public sealed record Prefix(LayerShares Shares) : IAllocator
{
    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public bool FollowsBudget => Shares.FollowsBudget;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        var entries = Shares.Keep(frame);
        for (var layer = 0; layer < entries.Length; layer++) allotment.Requested.Slice(layer * frame.Heads, frame.Heads).Fill(entries[layer]);
        allotment.Requested.CopyTo(allotment.Weights);
    }
}
