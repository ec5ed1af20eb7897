using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// KVzip+: KVzip whose attention is weighted by what it adds to the residual stream,
///     score[j] = max over the group's query heads and the piece's queries t of a[t, j] |v[j] W_O| / |x[t]|,
/// a KVzip's softmax, W_O the query head's part of the output projection, x[t] the stream that came into the layer with the query's token; lengths are Euclidean.
/// kvpress' <c>KVzipPress(kvzip_plus_normalization=True)</c>, after KVzap (arXiv 2601.07891). kvpress divides by the length of x after its norm, which hardly varies; here it is
/// the stream itself, as the text has it. Cost: KVzip's, and n d hidden per query head.
/// </summary>
/// <param name="Attention">KVzip.</param>
public sealed record KvZipPlus(KvZip Attention) : IScorer, IReplay
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new() { Replays = [this] };

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores) => Attention.Score(this, layer, scores);

    /// <inheritdoc/>
    public IReadOnlyList<ReplayPiece> Plan(ReadOnlySpan<int> prompt) => Attention.Plan(prompt);

    /// <inheritdoc/>
    public Tensor Measure(in LayerView layer, ReplayPiece piece)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var input = (layer.Input ?? throw new LabException("KVzip+ divides by the stream that comes into a layer, and these tensors come without it: run it on a model (`lab eval`, `lab generate`)"))();
        var lengths = input.to(ScalarType.Float32).square().sum(1).sqrt().clamp(min: 1e-20);
        return (Attention.Measure(layer, piece, 1 / lengths) * OutputNorms.Of(layer, piece.First, piece.Count, euclidean: true)).MoveToOuterDisposeScope();
    }
}
