using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// SnapKV: keeps what the last queries of the prompt (the observation window) attend to.
/// score[j] = pool over neighbours of mean over the window's queries of softmax(q k / sqrt(d))[j].
/// Paper: SnapKV (arXiv 2404.14469). Window 8, max pooling over 7 positions are HeadKV's published runs; SnapKV's own are 32
/// and average over 5. Its code sums where HeadKV's takes the mean: the same order. Grouped queries are reduced before pooling.
/// Softmax in float32 throughout; the authors round probabilities to fp16. Cost: window * n * d per query head.
/// </summary>
/// <param name="Pooling">Neighbourhood.</param>
/// <param name="Reduction">How the query heads of a KV head vote.</param>
public sealed record SnapKv(Pooling Pooling, GroupReduction Reduction = GroupReduction.Mean) : IScorer
{
    /// <summary>The settings of HeadKV's published runs.</summary>
    public SnapKv() : this(new Pooling()) { }

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new(Queries: window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        WindowAttention.Mean(layer, window, Reduction, scores);
        for (var h = 0; h < scores.Heads; h++) Pooling.Apply(scores[h][..^window]);
    }
}
