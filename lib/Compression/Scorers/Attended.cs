using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// PrefixKV's scores: what all queries of the prompt attended to, averaged over all query heads of the layer, so that all heads have the same.
/// score[j] = mean over query heads of the sum over all n queries of softmax(q k / sqrt(d))[j], causal.
/// Paper: PrefixKV (arXiv 2412.03409). Cost: that of <see cref="H2O"/>.
/// </summary>
public sealed record Attended : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new H2O().Needs(window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        WindowAttention.Mean(layer, layer.Tokens, GroupReduction.Mean, scores);
        WindowAttention.Average(scores);
    }
}
