using HeadKvLab.Cache;

namespace HeadKvLab.Models;

/// <summary>Refuses prompts a model cannot run, before anything is allocated.</summary>
internal static class PromptChecks
{
    /// <exception cref="LabException">Empty piece, context exceeded, an id outside the vocabulary, or a sink that wants more queries than the piece has.</exception>
    internal static void Check(ModelConfig config, ReadOnlySpan<int> ids, int start, ScorerNeeds needs)
    {
        if (ids.Length == 0) throw new LabException("prompt: it holds 0 tokens; give at least one.");
        if (start + (long)ids.Length > config.MaxPositions)
            throw new LabException($"prompt: {start + (long)ids.Length} tokens exceed the model's context of {config.MaxPositions}; shorten the prompt or raise max_position_embeddings in config.json.");
        for (var i = 0; i < ids.Length; i++)
            if ((uint)ids[i] >= (uint)config.VocabSize)
                throw new LabException($"prompt: id {ids[i]} at token {start + i} is outside the vocabulary of {config.VocabSize}; the tokenizer belongs to another model.");
        if (start > 0 && needs.ExceedPiece(ids.Length))
            throw new LabException($"prompt: the method looks at {(needs.Replays.Count > 0 ? "all of it a second time" : needs.OfAllRows ? "all queries" : needs.Queries > ids.Length ? $"{needs.Queries} queries" : "the kinds of all tokens")}, but the prompt continues a cached one by only {ids.Length} tokens; prefill it in one piece.");
    }

    /// <exception cref="LabException">The model has no such layer, or a layer and its root see different stretches of the text.</exception>
    internal static void Check(ModelConfig config, LayerMap layers)
    {
        if (layers.Roots.Count > config.Layers)
            throw new LabException($"{layers.Name}: there is no layer {layers.Roots.Count - 1}: the model has layers 0 to {config.Layers - 1}; share one of them.");
        for (var layer = 0; layer < layers.Roots.Count; layer++)
            if (layers.Root(layer) is var root && config.WindowOf(layer) != config.WindowOf(root))
                throw new LabException($"{layers.Name}: layer {layer} sees {Seen(config, layer)}, layer {root} {Seen(config, root)}: only layers with the same sliding window share entries.");
    }

    private static string Seen(ModelConfig config, int layer) => config.WindowOf(layer) is { } window ? $"the last {window} positions" : "all positions";

    /// <summary>The ids as int64, as embedding look-ups want them.</summary>
    internal static long[] Widen(ReadOnlySpan<int> ids)
    {
        var wide = new long[ids.Length];
        for (var i = 0; i < wide.Length; i++) wide[i] = ids[i];
        return wide;
    }
}
