namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// Every head keeps what a table measured beforehand gives it under this budget: curves of what more entries would have held, spent where they gain most (<see cref="UtilityCurves"/>), or
/// LU-KV's shares (<see cref="RemovalCurves"/>). HeadKV divides by one number for each head instead, in proportion. What is left goes on in proportion to what heads have.
/// </summary>
/// <param name="Shares">How much each head keeps.</param>
public sealed record MarginalUtility(HeadShares Shares) : IAllocator
{
    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        Shares.Keep(frame).CopyTo(allotment.Requested);
        allotment.Requested.CopyTo(allotment.Weights);
    }
}
