using HeadKvLab.Cache;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Compression.Bidders;

/// <summary>
/// FastGen: a head goes down its ladder until what it keeps holds the share T of its attention. As bids: special tokens are bought whatever they cost, the step
/// from one rung to the next at the share that would be missing without it, 1 - mass. <c>as-published</c> buys what is missing more than 1 - T, whatever the
/// budget; under an equal total the budget finds T, and the last rung is cut short by rank.
/// Paper: Model Tells You What to Discard (arXiv 2310.01801), T from 0.91 to 0.98. A KV head goes as far as the most demanding of its query heads. The window is kept
/// beside the rungs. Cost: two sums in the prefill and the ranking.
/// </summary>
/// <param name="Ladder">The ranking, whose beginnings the rungs are.</param>
/// <param name="Threshold">T, 0 to 1; a rung may lack a millionth of it.</param>
public sealed record LadderSteps(Ladder Ladder, double Threshold = 0.95) : IBidder
{
    /// <summary>Share of its attention that a head must keep.</summary>
    public double Threshold { get; } = Threshold is >= 0 and <= 1 ? Threshold
        : throw new LabException(FormattableString.Invariant($"FastGen's threshold {Threshold}: give a share of the attention from 0 to 1; the paper's are 0.91 to 0.98"));

    /// <inheritdoc/>
    double? IBidder.PublishedPrice => 1 - (Threshold - 1e-6);

    /// <inheritdoc/>
    public void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids)
    {
        var rungs = Ladder.Rungs(layer, scores.Heads, frame.Recent);
        for (var head = 0; head < scores.Heads; head++)
        {
            var (kept, price) = (0, double.PositiveInfinity);
            for (var rung = 0; rung <= Ladder.Rests; rung++)
            {
                var entries = rung < Ladder.Rests ? rungs.Entries(head)[rung] : frame.Candidates;
                if (entries > kept) bids.Offer(head, price, entries - kept);
                kept = entries;
                if (rung < Ladder.Rests) price = Math.Min(price, 1 - rungs.Masses(head)[rung]);
            }
        }
    }
}
