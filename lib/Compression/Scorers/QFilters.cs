using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// Q-Filters: keys that point where a head's queries point, whatever the prompt is.
/// score[j] = mean over a group's query heads of f k[j], f the direction that the queries of calibration texts have in common.
/// Paper: Q-Filters (arXiv 2503.02812), whose published filters are the group's mean with its sign changed, and whose score has it changed back. Filters are measured by
/// `lab heads qfilters`; no query is looked at here. Where query heads own entries each has its own filter. Cost: n d per query head.
/// </summary>
/// <param name="Filters">A direction for each query head, <c>[layer, queryHead, dim]</c>.</param>
public sealed record QFilters(HeadVectors Filters) : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var filters = KeyRows.OfHeads(Filters, layer, (int)layer.Keys.shape[2]);                                              // [kvHead, group, dim]
        WindowAttention.Reduce(layer, filters.bmm(layer.Keys.transpose(1, 2)).flatten(0, 1), GroupReduction.Mean, scores);
    }
}
