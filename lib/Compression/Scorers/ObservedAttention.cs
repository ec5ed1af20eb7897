using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// Observed attention: H2O by averages. A position's attention is divided by the number of queries that see it, so that early positions have no advantage.
/// score[j] = sum over all n queries of softmax(q k / sqrt(d))[j] / (n - j), causal.
/// kvpress' <c>observed_attention_press</c>, which it names after H2O (arXiv 2306.14048). Cost: that of <see cref="H2O"/>.
/// </summary>
/// <param name="Reduction">How the query heads of a KV head vote.</param>
public sealed record ObservedAttention(GroupReduction Reduction = GroupReduction.Mean) : IScorer
{
    private readonly H2O _sum = new(Reduction);

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => _sum.Needs(window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        _sum.Score(layer, window, scores);   // divided by n throughout
        for (var h = 0; h < scores.Heads; h++)
            for (var j = 0; j < scores.Length; j++) scores[h][j] *= (float)layer.Tokens / (layer.Tokens - layer.Position(scores.KvHead(h, layer), j));
    }
}
