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
            throw new LabException($"prompt: the method looks at {(needs.OfAllRows ? "all queries" : needs.Queries > ids.Length ? $"{needs.Queries} queries" : "the kinds of all tokens")}, but the prompt continues a cached one by only {ids.Length} tokens; prefill it in one piece.");
    }

    /// <summary>The ids as int64, as embedding look-ups want them.</summary>
    internal static long[] Widen(ReadOnlySpan<int> ids)
    {
        var wide = new long[ids.Length];
        for (var i = 0; i < wide.Length; i++) wide[i] = ids[i];
        return wide;
    }
}
