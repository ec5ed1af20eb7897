using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// KV-Compress with an observation window: squares of what the last queries attend to.
/// score[j] = sum over the query heads of a KV head of the pool over neighbours of the sum over the window's queries of softmax(q k / sqrt(d))[j]^2.
/// Paper: KV-Compress (arXiv 2410.00161): window 8, max pooling over 7, as in its code: per query head before the group's sum, and over the neighbours inside the
/// window, too. A square is what the row's squared L2 norm loses with the key. Cost: window * n * d per query head.
/// </summary>
/// <param name="Pooling">Neighbourhood.</param>
public sealed record SquaredWindow(Pooling Pooling) : IScorer
{
    /// <summary>The settings of the published runs.</summary>
    public SquaredWindow() : this(new Pooling()) { }

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new(Queries: window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        var pooled = Pooled(layer, window);
        var (n, group) = (scores.Length, pooled.Length / scores.Length / scores.Heads);
        scores.All.Clear();
        for (var q = 0; q < group * scores.Heads; q++)
        {
            var sum = scores[q / group];
            for (var j = 0; j < n; j++) sum[j] += pooled[q * n + j];
        }
    }

    /// <summary>The squares of each query head, pooled, <c>[queryHead, position]</c>.</summary>
    internal float[] Pooled(in LayerView layer, int window)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var squares = WindowAttention.Sum(layer, window, AttentionSum.Squares()).contiguous();
        var pooled = MemoryMarshal.Cast<byte, float>(squares.bytes).ToArray();
        for (var q = 0; q < (int)squares.shape[0]; q++) Pooling.Apply(pooled.AsSpan(q * layer.Length, layer.Length));
        return pooled;
    }
}
