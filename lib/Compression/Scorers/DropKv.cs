using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// DropKV: how far the outputs of the window's queries would move without an entry. With the probability p of a key and the output o, leaving it out moves o by
/// p / (1 - p) (o - v), exactly.
/// score[j] = pool over neighbours of the mean over a group's query heads of the sum over the window's queries of (p / (1 - p))^2 |v[j] - o|^2.
/// kvpress, issue 284 (a proposal): window 32, average over 7. 1 - p is at least 1e-6, and a score at most 1e12, where one key has all attention. Cost: 2 window n d per query head.
/// </summary>
/// <param name="Pooling">Neighbourhood.</param>
public sealed record DropKv(Pooling Pooling) : IScorer
{
    private const double SmallestRest = 1e-6, Most = 1e12;

    /// <summary>The settings of the proposal.</summary>
    public DropKv() : this(new Pooling(7, PoolingKind.Average)) { }

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new(Queries: window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var (values, moved) = (layer.Values, zeros(layer.Queries.shape[0], layer.Length));
        var (lengths, n) = (values.mul(values).sum(2).unsqueeze(1), layer.Length);
        WindowAttention.Rows(layer, window, (rows, _) =>
        {
            var weights = rows.view(values.shape[0], -1, n);                                          // [kvHead, group * query, position]
            var outputs = weights.bmm(values);                                                        // [kvHead, group * query, dim]
            var apart = lengths + outputs.mul(outputs).sum(2).unsqueeze(2) - outputs.bmm(values.transpose(1, 2)).mul(2);
            var odds = weights / (1 - weights).clamp(min: SmallestRest);
            moved.add_((odds * odds * apart.clamp(min: 0)).clamp(max: Most).view(moved.shape[0], -1, n).sum(1));
        });
        WindowAttention.Reduce(layer, moved, GroupReduction.Mean, scores);
        for (var h = 0; h < scores.Heads; h++) Pooling.Apply(scores[h][..^window]);
    }
}
