using System.Buffers;
using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// EMS: what all queries attend to and what the last ones do, brought to the same mean; a position counts by the larger. Reconstructed "after EMS"
/// (arXiv 2412.08521; its code is not public).
/// local[j] = mean over the window's queries of softmax(q k / sqrt(d))[j];  global[j] = sum over all queries of the same / (n - j), the queries that see j;
/// score[j] = pool over neighbours of max(local[j], global[j] mean(local) / mean(global)), means over the candidates, query heads of a group reduced before.
/// Cost: that of <see cref="SnapKv"/> and of <see cref="H2O"/>.
/// </summary>
/// <param name="Pooling">Neighbourhood.</param>
/// <param name="Reduction">How the query heads of a KV head vote.</param>
public sealed record GlobalLocal(Pooling Pooling, GroupReduction Reduction = GroupReduction.Mean) : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new H2O().Needs(window).Or(new SnapKv().Needs(window));

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        var rented = ArrayPool<float>.Shared.Rent(scores.Heads * scores.Length);
        try
        {
            var received = new HeadRows<float>(rented, scores.Heads, scores.Length);
            WindowAttention.Mean(layer, window, Reduction, scores);
            WindowAttention.Mean(layer, layer.Tokens, Reduction, received);
            for (var h = 0; h < scores.Heads; h++)
            {
                var candidates = scores[h][..^window];
                Join(candidates, received[h], layer, scores.KvHead(h, layer));
                Pooling.Apply(candidates);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>Joins both statistics of a head's candidates.</summary>
    /// <param name="local">Attention of the window's queries; becomes the score.</param>
    /// <param name="received">Attention summed over all queries of the prompt, or any multiple of it.</param>
    /// <param name="layer">Tells how many queries see an entry.</param>
    /// <param name="kvHead">Whose entries.</param>
    internal static void Join(Span<float> local, ReadOnlySpan<float> received, in LayerView layer, int kvHead)
    {
        double meanLocal = 0, meanGlobal = 0;
        for (var j = 0; j < local.Length; j++) (meanLocal, meanGlobal) = (meanLocal + local[j], meanGlobal + received[j] / (layer.Tokens - layer.Position(kvHead, j)));
        var factor = meanGlobal > 0 ? meanLocal / meanGlobal : 1;
        for (var j = 0; j < local.Length; j++) local[j] = Math.Max(local[j], (float)(received[j] / (layer.Tokens - layer.Position(kvHead, j)) * factor));
    }
}
