using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Scorers;

/// <summary>Another scorer's scores, under which the first tokens of the text stay longest. PrefixKV's published runs protect one.</summary>
/// <param name="Scorer">Scores the others.</param>
/// <param name="Sinks">First tokens that are above all others.</param>
public sealed record KeepFirst(IScorer Scorer, int Sinks = 1) : IScorer
{
    /// <summary>First tokens that are above all others.</summary>
    public int Sinks { get; } = Sinks >= 0 ? Sinks : throw new LabException($"{Sinks} first tokens: give 0 or more; PrefixKV's runs keep 1");

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => Scorer.Needs(window);

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        Scorer.Score(layer, window, scores);
        for (var h = 0; h < scores.Heads; h++)
            for (var j = 0; j < scores.Length && layer.Position(scores.KvHead(h, layer), j) < Sinks; j++) scores[h][j] = float.PositiveInfinity;
    }
}
