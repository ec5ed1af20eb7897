using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// CapKV: what a value adds to the space of those that queries still to come will read, so that of many alike few are kept.
/// With the mean query q before RoPE, turned by the mean rotation of the next 512 positions: w[j] = exp(5 cos(k[j], q) - max), A = I + sum of w[j] v[j] v[j]',
/// score[j] = mean over the group of w[j] v[j]' A^-1 v[j]; the first 4 positions are kept and left out.
/// Paper: CapKV (arXiv 2604.25975); kvpress' <c>cap_press</c>, from which the cosine (the paper has plain products), the value in place of the output's direction and the
/// mean rotation are. While text is generated the mean is the last 256 queries'; without any query w is 1. Cost: 2 n d * d per query head.
/// </summary>
public sealed record CapKv : IScorer
{
    private const double Sharpness = 5;

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => BeforeRope.Needs;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var (kvHeads, dim) = (layer.Keys.shape[0], layer.Keys.shape[2]);
        var queries = BeforeRope.Queries(layer);
        var anchor = queries.shape[1] == 0 ? zeros(queries.shape[0], 1, dim) : BeforeRope.Ahead(layer, queries.mean([1], keepdim: true));
        var logits = KeyRows.Directions(anchor).view(kvHeads, -1, dim).bmm(KeyRows.Directions(layer.Keys).transpose(1, 2)) * Sharpness; // [kvHead, group, position]
        logits.masked_fill_(BeforeRope.Stands(layer).lt(BeforeRope.Sinks).unsqueeze(1), float.NegativeInfinity);
        var weights = (logits - logits.amax([2], keepdim: true)).exp().nan_to_num();          // a head of first positions alone has none

        var values = KeyRows.ForGroups(layer.Values, weights.shape[1]);                        // [queryHead, position, dim]
        var capacity = (values * weights.flatten(0, 1).unsqueeze(2)).transpose(1, 2).bmm(values).to(ScalarType.Float64) + eye(dim, dtype: ScalarType.Float64);
        WindowAttention.Reduce(layer, (weights * KeyRows.Quadratic(layer.Values, capacity.inverse().to(ScalarType.Float32))).flatten(0, 1), GroupReduction.Mean, scores);
        KeyRows.Protect(layer, scores, BeforeRope.Sinks);
    }
}
