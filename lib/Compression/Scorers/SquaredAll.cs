using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// KV-Compress over the whole prompt: squares of what all queries attend to, without the nearest.
/// score[j] = sum over the query heads of a KV head and the queries q >= j + buffer of softmax(q k / sqrt(d))[q, j]^2.
/// Paper: KV-Compress (arXiv 2410.00161), KVC-full: buffer 10, no pooling. The last <paramref name="Buffer"/> positions score 0 and go first, but for the window's: the published
/// runs protect 32, and a window shorter than the buffer leaves some of them unprotected.
/// Cost: the prefill adds the squares up while it attends, two multiply-adds beside the 2 d of every probability; tensors from elsewhere attend again, n * n * d.
/// </summary>
/// <param name="Buffer">Queries that do not vote on a position: its own and those right after it.</param>
public sealed record SquaredAll(int Buffer = 10) : IScorer
{
    private readonly AttentionSum _squares = AttentionSum.Squares(Buffer);

    /// <summary>Queries that do not vote on a position.</summary>
    public int Buffer { get; } = Buffer;

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new() { Sums = [_squares] };

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        WindowAttention.Reduce(layer, WindowAttention.Sum(layer, layer.Tokens, _squares), GroupReduction.Sum, scores);
    }
}
