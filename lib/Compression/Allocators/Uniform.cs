namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// The same number for every head: c = b - alpha (SnapKV, StreamingLLM, H2O, TOVA, Knorm).
/// </summary>
public sealed record Uniform : IAllocator
{
    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment) =>
        allotment.Fill(frame.Selectable);
}
