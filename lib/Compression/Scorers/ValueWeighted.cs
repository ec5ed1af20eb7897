using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// SnapKV weighted by values: what a head reads from a token is its attention times its value, so that long values count more.
/// score[j] = SnapKV's score[j] * ||v[j]||.
/// Lesson 07. VATP (arXiv 2406.12335) has the same idea with the L1 norm, and keeps the first tokens, whose values are short, in any case.
/// The weight comes after pooling: a neighbour of an attended token counts by its own value.
/// </summary>
/// <param name="Attention">What the window attends to.</param>
public sealed record ValueWeighted(SnapKv Attention) : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => Attention.Needs(window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        Attention.Score(layer, window, scores);
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var lengths = layer.Values.mul(layer.Values).sum(2).sqrt().contiguous(); // [kvHead, position]
        var weights = MemoryMarshal.Cast<byte, float>(lengths.bytes);
        for (var h = 0; h < scores.Heads; h++)
        {
            var weight = weights.Slice(scores.KvHead(h, layer) * scores.Length, scores.Length);
            for (var j = 0; j < scores.Length; j++) scores[h][j] *= weight[j];
        }
    }
}
