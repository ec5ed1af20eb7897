using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// TOVA: keeps what the last query attends to, averaged over all query heads of the layer, so that all heads keep the same tokens.
/// score[j] = mean over query heads of softmax(q[n-1] k / sqrt(d))[j].
/// Paper: TOVA (arXiv 2401.06104). In one shot after prefill, as in kvpress; the original drops one entry per step.
/// </summary>
public sealed record Tova : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new(Queries: 1);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        WindowAttention.Mean(layer, 1, GroupReduction.Mean, scores);
        WindowAttention.Average(scores);
    }
}
