namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// RazorAttention: retrieval heads keep the whole prompt, the others sinks and the last tokens (and a compensation token).
/// Paper: RazorAttention (arXiv 2407.15891): the top 15 % of heads (1 % echo, 14 % induction), 4 sinks, max(4000, n / 5) last
/// tokens: set <paramref name="ProtectedShare"/> to 0.15 for that rule, which no budget bounds.
/// By default the budget decides, as in HeadKV's comparison: heads are ranked by retrieval score, as many are protected as
/// (b' - sinks) L H / (n - alpha - sinks) allows, rounded down; the next in rank takes the rest.
/// A KV head ranks by its best query head.
/// </summary>
/// <param name="Importance">Retrieval score of every query head.</param>
/// <param name="Sinks">First tokens every head keeps.</param>
/// <param name="ProtectedShare">Share of heads that keep everything; null: as many as the budget allows.</param>
/// <param name="LeastRecent">S0, the least number of last tokens under the paper's rule.</param>
/// <param name="RecentDivisor">C: last tokens are n / C if that is more.</param>
public sealed record Razor(
    HeadImportance Importance, int Sinks = 4, double? ProtectedShare = null, int LeastRecent = 4000, int RecentDivisor = 5) : IAllocator
{
    /// <summary>Share of heads that keep everything.</summary>
    public double? ProtectedShare { get; } = ProtectedShare is null or (>= 0 and <= 1) ? ProtectedShare
        : throw new LabException(FormattableString.Invariant($"Razor's protected share {ProtectedShare}: give a share from 0 to 1; 0.15 is the paper's"));

    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public bool FollowsBudget => ProtectedShare is null;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        Importance.Require(frame);
        var heads = allotment.Requested.Length;
        var sinks = Math.Min(Sinks, frame.Selectable);
        var recent = Math.Max(LeastRecent, frame.PromptLength / RecentDivisor) - frame.Recent;
        var (whole, others) = ProtectedShare is { } share
            ? ((int)Math.Round(share * heads), Math.Min(frame.Candidates, Sinks + Math.Max(0, recent)))
            : ((int)Math.Min(heads, (frame.Selectable - sinks) * (double)heads / Math.Max(1, frame.Candidates - sinks)), sinks);

        allotment.Requested.Fill(others);
        allotment.Weights.Clear();
        var ranked = Importance.Aggregate(frame.Heads, GroupReduction.Max).Ranked();
        for (var rank = 0; rank < heads && rank <= whole; rank++)
        {
            var head = ranked[rank].Layer * frame.Heads + ranked[rank].Head;
            if (rank < whole) allotment.Requested[head] = frame.Candidates;
            else allotment.Weights[head] = 1;
        }
    }
}
