using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Schedules;

/// <summary>
/// PrefixKV as published: the share of the prompt that a head kept is held while the text grows. After a token one entry leaves where there is one too many, always the
/// one in the same place: 25 before the end of what was kept of the prompt, or its middle where that is shorter. So the last of the prompt's entries and then the
/// generated ones slide out through that place.
/// Code: THU-MIG/PrefixKV: int(entries - t * share) &gt; 0, t tokens seen.
/// </summary>
public sealed record FixedSlot : ISchedule
{
    private const int BeforeEnd = 25;

    /// <inheritdoc/>
    public string Name => Catalogue.Published;

    /// <inheritdoc/>
    public ScorerNeeds Needs(Method method, int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public IPromptRetention Begin(Method method, Budget budget, CacheShape model, int queryHeads) => new Slots(new int[model.Layers][]);

    private sealed class Slots(int[][] kept) : IPromptRetention
    {
        private int _prompt;

        public void Take(in LayerView prompt, LayerCache stored, bool whole) => _prompt = prompt.Length;

        public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache)
        {
            // positions alone decide
        }

        public void Finish(int id, RaggedCache cache)
        {
            var generated = cache.LogicalLength - _prompt;
            if (generated <= 0) return;
            for (var layer = 0; layer < kept.Length; layer++)
            {
                kept[layer] ??= [.. cache[layer].Counts.ToArray().Select(entries => entries - generated)]; // not earlier: later layers cut this one back
                for (var head = 0; head < kept[layer].Length; head++)
                    if (Drop(cache[layer].Counts[head], cache.LogicalLength, kept[layer][head], _prompt) is { } slot) RemoveAt(cache[layer], head, slot);
            }
        }

        public void TakeBack(int tokens, int before)
        {
            // nothing was added up
        }

        public IRetention Clone() => new Slots([.. kept]) { _prompt = _prompt };
    }

    /// <summary>The entry that leaves; null: none.</summary>
    /// <param name="entries">Entries of the head.</param>
    /// <param name="tokens">Tokens seen, t.</param>
    /// <param name="kept">Entries that it kept of the prompt.</param>
    /// <param name="prompt">Tokens of the prompt, n.</param>
    internal static int? Drop(int entries, int tokens, int kept, int prompt)
    {
        if ((long)entries * prompt - (long)tokens * kept < prompt) return null; // entries - t kept / n is below 1
        return Math.Min(entries - 1, kept - BeforeEnd >= 1 ? kept - BeforeEnd : kept / 2);
    }

    /// <summary>Takes one entry out of a head.</summary>
    internal static void RemoveAt(LayerCache layer, int head, int entry)
    {
        var stay = new int[layer.Counts[head] - 1];
        for (var i = 0; i < stay.Length; i++) stay[i] = i < entry ? i : i + 1;
        layer.Retain(head, stay);
    }
}
