using System.Buffers;
using HeadKvLab.Cache;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Compression.Bidders;

/// <summary>
/// SimLayerKV: a layer whose last query attends to the first tokens and the latest ones alone, averaged over its heads, is lazy and keeps only those; any other keeps everything.
/// As bids: sinks and recent tokens come before all else, the latest last to go, and the rest is one step at the share of attention that would be missing without it, 1 - mass.
/// <c>as-published</c> buys it where the mass does not exceed the threshold; under an equal total the budget finds the threshold, and the last layer keeps a part.
/// Paper: SimLayerKV (arXiv 2410.13846): 4 sinks, 1,024 recent tokens, 0.9 for Llama 3, 0.8 for Mistral, 0.85 for Qwen; kvpress' default of 1 never fires. A prompt of no more than
/// sinks and recent tokens and one is kept whole. Heads that are seen one by one while text is generated judge for themselves. Cost: n d per query head.
/// </summary>
/// <param name="Sinks">First tokens that a lazy layer keeps.</param>
/// <param name="Recent">Last tokens that it keeps.</param>
/// <param name="Threshold">Share of the last query's attention, 0 to 1, above which a layer is lazy.</param>
public sealed record LazyLayers(int Sinks = 4, int Recent = 1024, double Threshold = 0.9) : IBidder
{
    /// <summary>Share of attention above which a layer is lazy.</summary>
    public double Threshold { get; } = Threshold is >= 0 and <= 1 ? Threshold
        : throw new LabException(FormattableString.Invariant($"SimLayerKV's threshold {Threshold}: give a share of the attention from 0 to 1; 0.9 is the paper's for Llama 3"));

    /// <inheritdoc/>
    ScorerNeeds IBidder.Needs => new Tova().Needs(1);

    /// <inheritdoc/>
    double? IBidder.PublishedPrice => Math.BitDecrement(1 - Threshold);

    /// <inheritdoc/>
    public void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids)
    {
        var rented = ArrayPool<float>.Shared.Rent(scores.Heads * layer.Length);
        try
        {
            var attention = new HeadRows<float>(rented, scores.Heads, layer.Length);
            new Tova().Score(layer, 1, attention);
            for (var head = 0; head < scores.Heads; head++)
            {
                var (lazy, rest) = (0, 0.0);
                for (var j = 0; j < scores.Length; j++)
                    if (layer.Position(scores.KvHead(head, layer), j) is var stands && (stands < Sinks || stands >= layer.Tokens - Recent)) lazy++;
                    else rest += attention[head][j];
                for (var entry = 0; entry < lazy; entry++) bids.Offer(head, 2 - (double)entry / lazy, 1);
                if (lazy < scores.Length) bids.Offer(head, layer.Tokens <= Sinks + Recent + 1 ? 1 : Math.Min(1, rest), scores.Length - lazy);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }
}
