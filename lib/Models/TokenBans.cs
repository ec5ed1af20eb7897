namespace HeadKvLab.Models;

/// <summary>
/// Tokens that the settings rule out at this place, whatever their logits: suppressed ones, stop ids before the least length, ends of bad words, and
/// ends of n-grams that the text, prompt included, holds already. The rules and their corner cases are those of Hugging Face's logits processors.
/// </summary>
internal sealed class TokenBans
{
    private readonly GenerationConfig config;
    private readonly IReadOnlyList<int>[] badWords;
    private readonly List<int> text;
    private readonly int prompt;

    internal TokenBans(GenerationConfig config, ReadOnlySpan<int> prompt)
    {
        this.config = config;
        this.prompt = prompt.Length;
        text = [.. prompt];
        badWords = [.. config.BadWords.Where(word => word is not [var only] || !config.StopIds.Contains(only))]; // a stop id is no bad word
    }

    internal void Add(int id) => text.Add(id);

    /// <summary>Sets the scores of ruled-out tokens to minus infinity.</summary>
    internal void Apply(Span<float> scores)
    {
        Ban(config.SuppressIds, scores);
        if (text.Count == prompt) Ban(config.BeginSuppressIds, scores);
        if (text.Count < config.MinLength || text.Count - prompt < config.MinNewTokens) Ban(config.StopIds, scores);
        foreach (var word in badWords)
            if (word.Count == 1 || (word.Count <= text.Count && EndsWith(word))) Ban(word[^1], scores);
        if (config.NoRepeatNgramSize > 0) BanRepeats(config.NoRepeatNgramSize, scores);
    }

    /// <summary>True when the text ends with all of a word but its last token.</summary>
    private bool EndsWith(IReadOnlyList<int> word)
    {
        var start = text.Count - (word.Count - 1);
        for (var i = 0; i < word.Count - 1; i++)
            if (text[start + i] != word[i]) return false;
        return true;
    }

    private void BanRepeats(int size, Span<float> scores)
    {
        var known = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(text);
        if (known.Length < size) return;
        var end = known[^(size - 1)..];
        for (var at = 0; at + size <= known.Length; at++)
            if (known.Slice(at, size - 1).SequenceEqual(end)) Ban(known[at + size - 1], scores);
    }

    private static void Ban(IReadOnlyList<int> ids, Span<float> scores)
    {
        foreach (var id in ids) Ban(id, scores);
    }

    private static void Ban(int id, Span<float> scores)
    {
        if ((uint)id < (uint)scores.Length) scores[id] = float.NegativeInfinity;
    }
}
