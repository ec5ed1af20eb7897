using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// KeyDiff: keeps the keys that are least like the others.
/// score[j] = -cos(k[j], anchor), anchor = mean over all positions of k / ||k||, keys after RoPE; the cosine of a zero key is 0.
/// Paper: KeyDiff (arXiv 2504.15364). Scored once, as in kvpress; the paper evicts block by block while the prompt is read. Needs no attention weights. Cost: n d per head.
/// </summary>
public sealed record KeyDiff : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var directions = KeyRows.Directions(layer.Keys); // [kvHead, position, dim]
        var anchor = directions.mean([1], keepdim: true);
        WindowAttention.Spread(layer, (directions * KeyRows.Directions(anchor)).sum(2).neg(), scores);
    }
}
