namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// DuoAttention's split: KV heads whose gate is at or above the quantile given by the sparsity keep everything, the others
/// sinks and recent tokens. Paper: DuoAttention (arXiv 2410.10819); gates are learned elsewhere and read from a table, slightly
/// negative ones as 0. Sparsity 0.5, 64 sinks and 256 recent are the defaults of its README for grouped-query models.
/// The budget has no say in it, unless the budget rule is other than <c>as-published</c>.
/// </summary>
/// <param name="Gates">Gate of every KV head, 0 to 1.</param>
/// <param name="Sparsity">Share of heads that stream.</param>
/// <param name="Sinks">First tokens a streaming head keeps.</param>
/// <param name="Recent">Last tokens a streaming head keeps.</param>
public sealed record Duo(HeadImportance Gates, double Sparsity = 0.5, int Sinks = 64, int Recent = 256) : IAllocator
{
    /// <summary>Share of heads that stream.</summary>
    public double Sparsity { get; } = Sparsity is >= 0 and <= 1 ? Sparsity
        : throw new LabException(FormattableString.Invariant($"Duo sparsity {Sparsity}: give a share from 0 to 1"));

    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public bool FollowsBudget => false;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        Gates.Require(frame, byKvHead: true);
        var threshold = Quantile(Gates.Values, Sparsity);
        var group = frame.Heads / Gates.Heads;
        var streaming = Math.Min(frame.Candidates, Sinks + Math.Max(0, Recent - frame.Recent));
        for (var h = 0; h < allotment.Requested.Length; h++)
        {
            var gate = Gates.Values[h / group];
            allotment.Requested[h] = gate >= threshold ? frame.Candidates : streaming;
            allotment.Weights[h] = gate;
        }
    }

    /// <summary>Quantile with linear interpolation between the two nearest values.</summary>
    private static double Quantile(ReadOnlySpan<double> values, double share)
    {
        var sorted = values.ToArray();
        Array.Sort(sorted);
        var place = share * (sorted.Length - 1);
        var below = (int)Math.Floor(place);
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }
}
