using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// ChunkKV: keeps stretches of text instead of single tokens. Another scorer's scores, averaged over chunks of neighbours, so that a chunk stays or goes as a whole; where the
/// budget ends inside one, its later tokens stay.
/// score[j] = mean over the chunk of j of the sum over all heads of the scorer's score; the last chunk before the window may be short.
/// Paper: ChunkKV (arXiv 2502.00299), chunks of 20 over SnapKV, all heads alike; heads that choose for themselves are an option the paper does not have.
/// </summary>
/// <param name="Scorer">Scores single tokens.</param>
/// <param name="Size">Tokens of a chunk.</param>
/// <param name="Alike">Whether all heads of a layer keep the same chunks.</param>
public sealed record Chunked(IScorer Scorer, int Size = 20, bool Alike = true) : IScorer
{
    /// <summary>Tokens of a chunk.</summary>
    public int Size { get; } = Size >= 1 ? Size : throw new LabException($"chunks of {Size} tokens: give 1 or more; ChunkKV's are 20");

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => Scorer.Needs(window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        Scorer.Score(layer, window, scores);
        if (Alike) WindowAttention.Average(scores);   // the sum's order
        for (var h = 0; h < scores.Heads; h++)
        {
            var candidates = scores[h][..Math.Max(0, scores.Length - window)];
            for (var first = 0; first < candidates.Length; first += Size)
            {
                var chunk = candidates.Slice(first, Math.Min(Size, candidates.Length - first));
                double sum = 0;
                foreach (var score in chunk) sum += score;
                chunk.Fill((float)(sum / chunk.Length));
            }
        }
    }
}
