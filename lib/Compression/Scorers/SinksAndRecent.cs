using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// StreamingLLM: the first tokens (attention sinks) and then the latest ones, whatever they say.
/// score[j] = j, and above all of them, in order, the first <paramref name="Sinks"/> positions.
/// Paper: Efficient Streaming Language Models with Attention Sinks (arXiv 2309.17453). Original positions are kept, as in all
/// compression repositories; the paper re-rotates keys to positions inside the cache. Exact up to 16 million tokens.
/// </summary>
/// <param name="Sinks">First tokens kept; 4 in the paper.</param>
public sealed record SinksAndRecent(int Sinks = 4) : IScorer
{
    /// <summary>First tokens kept.</summary>
    public int Sinks { get; } = Sinks >= 0 ? Sinks : throw new LabException($"sinks {Sinks}: give 0 or more; 4 is the paper's");

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        for (var h = 0; h < scores.Heads; h++)
            for (var j = 0; j < scores.Length; j++)
                scores[h][j] = layer.Position(scores.KvHead(h, layer), j) is var position && position < Sinks ? 2 * layer.Tokens - position : position;
    }
}
