using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// Expected Attention: what queries still to come will attend to, if they are distributed as those of the text so far.
/// With mean m and covariance S of a head's queries before RoPE, both turned by the mean rotation of the next 512 positions: z[j] = m k[j] / sqrt(d) + k[j] S k[j] / 2d,
/// score[j] = (mean over the group of softmax(z)[j] + epsilon) |v[j]|; the first 4 positions are kept and left out of the statistics and of the softmax.
/// Paper: Expected Attention (arXiv 2510.00636); kvpress' <c>expected_attention_press</c>. While text is generated the statistics are the last 256 queries', and the positions ahead
/// begin at the text's length; kvpress' begin at 256 there. Fewer than 64 queries give variances alone; without any, values' lengths decide. Cost: 2 n d * d per query head.
/// </summary>
/// <param name="Epsilon">Added to the expected attention, so that values count where none is expected; kvpress takes 0, and 0.01 under Ada-KV.</param>
public sealed record ExpectedAttention(double Epsilon = 0) : IScorer
{
    private const int FewestForCovariance = 64;

    /// <summary>Added to the expected attention.</summary>
    public double Epsilon { get; } = Epsilon >= 0 ? Epsilon
        : throw new LabException(FormattableString.Invariant($"epsilon {Epsilon}: give 0 or more; kvpress takes 0, and 0.01 under Ada-KV"));

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => BeforeRope.Needs;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var (kvHeads, queries) = (layer.Keys.shape[0], BeforeRope.Queries(layer));
        var expected = queries.shape[1] > 0 ? Expected(layer, queries) : ones(kvHeads, queries.shape[0] / kvHeads, layer.Length);
        WindowAttention.Reduce(layer, ((expected + Epsilon) * KeyRows.Lengths(layer.Values)).flatten(0, 1), GroupReduction.Mean, scores);
        KeyRows.Protect(layer, scores, BeforeRope.Sinks);
    }

    /// <summary>Softmax of the expected logits over the keys behind the first, <c>[kvHead, group, position]</c>.</summary>
    private static Tensor Expected(in LayerView layer, Tensor queries)
    {
        var (kvHeads, dim) = (layer.Keys.shape[0], layer.Keys.shape[2]);
        var mean = queries.mean([1], keepdim: true);                                             // [queryHead, 1, dim]
        var apart = queries - mean;
        var covariance = queries.shape[1] < FewestForCovariance ? apart.mul(apart).mean([1]).diag_embed() : apart.transpose(1, 2).bmm(apart) / queries.shape[1];
        var turned = BeforeRope.Ahead(layer, BeforeRope.Ahead(layer, covariance).transpose(1, 2)); // [queryHead, dim, dim]
        var linear = BeforeRope.Ahead(layer, mean).view(kvHeads, -1, dim).bmm(layer.Keys.transpose(1, 2));
        var logits = linear * layer.Scale + KeyRows.Quadratic(layer.Keys, turned) * (layer.Scale * layer.Scale / 2);
        return logits.masked_fill(BeforeRope.Stands(layer).lt(BeforeRope.Sinks).unsqueeze(1), float.MinValue).softmax(2);
    }
}
