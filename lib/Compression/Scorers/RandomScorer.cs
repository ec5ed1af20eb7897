using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// Random: the floor under every method. score[j] = a number drawn from (seed, layer, head, position).
/// The same seed keeps the same positions at every prompt of one length; nothing of the content is looked at.
/// </summary>
/// <param name="Seed">Seed of the draw.</param>
public sealed record RandomScorer(int Seed = 0) : IScorer
{
    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        for (var h = 0; h < scores.Heads; h++)
        {
            var random = new Random(HashOf(Seed, layer.Layer, layer.FirstHead + h));
            var (next, drawn) = (0, 0f);
            for (var j = 0; j < scores.Length; j++)
            {
                for (var position = layer.Position(scores.KvHead(h, layer), j); next <= position; next++) drawn = random.NextSingle();
                scores[h][j] = drawn;
            }
        }
    }

    private static int HashOf(int seed, int layer, int head) => unchecked((seed * 1_000_003 + layer) * 8_191 + head);
}
