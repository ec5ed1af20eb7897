using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// Knorm: keeps the keys of smallest length, which tend to draw the most attention.
/// score[j] = -||k[j]||.
/// Paper: A Simple and Effective L2 Norm-Based Strategy (arXiv 2406.11430). Needs no attention weights. The window is kept
/// like in every method here; KVCache-Factory keeps none and leaves layers 0 and 1 whole.
/// </summary>
public sealed record Knorm : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        WindowAttention.Spread(layer, layer.Keys.mul(layer.Keys).sum(2).sqrt().mul(-1), scores);
    }
}
