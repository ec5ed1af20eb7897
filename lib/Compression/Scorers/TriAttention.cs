using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// TriAttention: what the mean query would give to a key at distances to come, and how far queries stray from their mean, frequency by frequency.
/// With the pairs of a row as complex numbers, before RoPE: s[j] = mean over o = 1, 2, 4, ... of the sum over f of |E q||k| cos((D + o) w + arg E q - arg k), plus the sum of
/// (E|q| - |E q|) |k|; D is the text's length less the key's position. score[j] = largest in the group of s less its mean over the keys and divided by its deviation.
/// Paper: TriAttention (arXiv 2604.04921), offsets up to 65,536; moments are measured by `lab heads moments`. A cosine of that angle is a product with the key as RoPE turned it, so
/// that the mean over offsets is one vector. Its authors choose again every 128 tokens. No query is looked at here. Cost: 2 n d per query head.
/// </summary>
/// <param name="Moments">For each query head E q, its left half and its right, and E|q|, <c>[layer, queryHead, 3 dim / 2]</c>.</param>
/// <param name="Farthest">Offsets go up to this.</param>
public sealed record TriAttention(HeadVectors Moments, int Farthest = 65536) : IScorer
{
    /// <summary>Offsets go up to this.</summary>
    public int Farthest { get; } = Farthest >= 1 ? Farthest : throw new LabException($"TriAttention's offsets up to {Farthest}: give 1 or more; the paper's go up to 65536");

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var raw = Raw(layer);
        var apart = raw - raw.mean([1], keepdim: true);
        WindowAttention.Reduce(layer, apart / apart.mul(apart).mean([1], keepdim: true).sqrt().clamp(min: 1e-6), GroupReduction.Max, scores);
    }

    /// <summary>Scores of query heads before they are compared, <c>[queryHead, position]</c>.</summary>
    internal Tensor Raw(in LayerView layer)
    {
        var half = (int)layer.Keys.shape[2] / 2;
        var moments = KeyRows.OfHeads(Moments, layer, 3 * half);                                                              // [kvHead, group, 3 dim / 2]
        var (mean, sizes) = (moments.narrow(2, 0, 2 * half), Sizes(moments));
        var places = new int[int.Log2(Farthest) + 1];
        for (var power = 0; power < places.Length; power++) places[power] = layer.Tokens + (1 << power);
        var ahead = BeforeRope.At(layer, mean, places).bmm(layer.Keys.transpose(1, 2));
        return (ahead + (moments.narrow(2, 2 * half, half) - sizes).bmm(Sizes(layer.Keys).transpose(1, 2))).flatten(0, 1);

        Tensor Sizes(Tensor rows) => (rows.narrow(2, 0, half).square() + rows.narrow(2, half, half).square()).sqrt();
    }
}
