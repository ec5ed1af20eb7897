using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// Finch's scores: what the question attends to, each of its queries weighted by how many keys it sees, so that a late query's thinner attention counts as much as an early one's.
/// score[j] = mean over a group's query heads of the mean over the window's queries of (keys the query sees) softmax(q k / sqrt(d))[j].
/// Paper: Finch (TACL 2024, 10.1162/tacl_a_00716); kvpress' <c>finch_press</c>, which counts one key fewer. Both end the context at a delimiter and take the question as window; here the
/// window is the budget's. Kept keys stay at their positions, where the paper moves them together. Cost: window n d per query head.
/// </summary>
public sealed record Finch : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new(Queries: window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var (sum, sees) = (zeros(layer.Queries.shape[0], layer.Length), layer.SlidingWindow ?? int.MaxValue);
        WindowAttention.Rows(layer, window, (weights, ahead) =>
            sum.add_(weights.mul(arange(ahead + 1, ahead + 1 + weights.shape[1]).clamp(max: sees).view(1, -1, 1)).sum(1)));
        WindowAttention.Reduce(layer, sum / window, GroupReduction.Mean, scores);
    }
}
