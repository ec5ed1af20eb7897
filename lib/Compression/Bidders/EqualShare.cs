using System.Buffers;
using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Bidders;

/// <summary>
/// PrefixKV's rule, decided from the prompt itself: every layer, or every head, keeps so many of its highest-scored entries that they hold the same share p of its
/// score, and p is what the budget pays for. As bids: an entry is offered at the share that would be missing without it and all cheaper ones, 1 - P(k).
/// Paper: PrefixKV (arXiv 2412.03409), section 3. Layers are searched where the scorer gives all heads of a layer the same scores, as the paper's does; heads where it
/// does not. The published search ends within five entries of the budget, and <c>as-published</c> takes that one; this one is exact,
/// and the last entry is the lower head's.
/// </summary>
/// <param name="PublishedSearch">The authors' search; null: <c>as-published</c> is exact, too.</param>
public sealed record EqualShare(PrefixSearch? PublishedSearch = null) : IBidder
{
    /// <inheritdoc/>
    public void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids)
    {
        var missing = ArrayPool<double>.Shared.Rent(frame.Candidates);
        try
        {
            for (var head = 0; head < scores.Heads; head++)
            {
                if (head == 0 || !scores[head].SequenceEqual(scores[head - 1])) Missing(scores[head], missing);
                for (var k = 0; k < scores.Length && missing[k] >= bids.Floor; k++) bids.Offer(head, missing[k], 1);
            }
        }
        finally
        {
            ArrayPool<double>.Shared.Return(missing);
        }
    }

    /// <summary>Share of the score that k entries leave out, 1 - P(k). Equal shares where no score is above 0.</summary>
    private static void Missing(ReadOnlySpan<float> scores, double[] missing)
    {
        for (var k = 0; k < scores.Length; k++) missing[k] = scores[k] > 0 ? -scores[k] : 0;     // NaN is nothing
        Array.Sort(missing, 0, scores.Length);
        double all = 0, held = 0;
        for (var k = 0; k < scores.Length; k++) all -= missing[k];
        for (var k = 0; k < scores.Length; k++)
        {
            var share = all > 0 ? -missing[k] / all : 1.0 / scores.Length;
            missing[k] = 1 - held;
            held = Math.Min(1, held + share);
        }
    }
}
