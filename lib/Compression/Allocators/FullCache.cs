namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// All candidates for every head: the full cache, whatever the budget. The reference every method is measured against.
/// </summary>
public sealed record FullCache : IAllocator
{
    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment) =>
        allotment.Fill(frame.Candidates);
}
