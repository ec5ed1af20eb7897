using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// H2O, heavy hitters: keeps what all queries of the prompt attended to most.
/// score[j] = sum over all n queries of softmax(q k / sqrt(d))[j], causal.
/// Paper: H2O (arXiv 2306.14048). As in KVCache-Factory: prefill only, no pooling, the window always kept; the original also
/// evicts while decoding. Early positions are seen by more queries and are favoured: that is the method.
/// Cost: the prefill adds the sum up while it attends, one multiply-add beside the 2 d of every probability; for tensors from elsewhere
/// (`lab select`) the queries attend here, n * n * d per query head, in chunks.
/// </summary>
/// <param name="Reduction">How the query heads of a KV head vote.</param>
public sealed record H2O(GroupReduction Reduction = GroupReduction.Mean) : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new() { Sums = [AttentionSum.Received] };

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores) =>
        WindowAttention.Mean(layer, layer.Tokens, Reduction, scores);
}
