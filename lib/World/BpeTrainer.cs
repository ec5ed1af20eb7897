using System.Text;
using HeadKvLab.Text;

namespace HeadKvLab.World;

/// <summary>
/// Byte-pair encoding learned from a list of pre-tokens (Sennrich et al., 2016, on bytes as in GPT-2).
/// Every pre-token starts as its bytes; the pair that is neighbour most often, each pre-token counted by its weight, becomes
/// a new token, until every pre-token is one token. Equal counts go to the pair whose texts sort first, so the result
/// depends on nothing but the list.
/// <para>Example: ["ab", "abc"] gives the merges "a b" (count 2), then "ab c".</para>
/// Applying the merges in rank order to a pre-token repeats exactly what happened to it in training: all of them stay whole.
/// </summary>
public static class BpeTrainer
{
    /// <summary>Learns merges until every pre-token of the list is a single token.</summary>
    /// <param name="weightedWords">Pre-tokens as ordinary text, a leading blank included, each with a positive weight.</param>
    /// <returns>The 256 byte tokens followed by one token per merge.</returns>
    public static BpeVocabulary Train(IEnumerable<KeyValuePair<string, long>> weightedWords)
    {
        var vocabulary = new BpeVocabulary();
        var words = new List<List<int>>();
        var weights = new List<long>();
        foreach (var (word, weight) in weightedWords.OrderBy(w => w.Key, StringComparer.Ordinal))
        {
            words.Add(Encoding.UTF8.GetBytes(word).Select(b => vocabulary.Ids[ByteAlphabet.CharOf(b).ToString()]).ToList());
            weights.Add(weight);
        }

        var counts = new Dictionary<(int Left, int Right), long>();
        var places = new Dictionary<(int Left, int Right), HashSet<int>>();
        for (var w = 0; w < words.Count; w++) Count(w, +1);

        while (counts.Count > 0)
        {
            var best = counts.MaxBy(c => (c.Value, new PairText(vocabulary.Texts[c.Key.Left], vocabulary.Texts[c.Key.Right]))).Key;
            var merged = vocabulary.Add(best.Left, best.Right);
            foreach (var w in places[best].Order().ToArray())
            {
                Count(w, -1);
                Merge(words[w], best, merged);
                Count(w, +1);
            }
        }
        return vocabulary;

        void Count(int w, int sign)
        {
            for (var i = 0; i + 1 < words[w].Count; i++)
            {
                var pair = (words[w][i], words[w][i + 1]);
                var count = counts.GetValueOrDefault(pair) + sign * weights[w];
                if (count == 0) { counts.Remove(pair); places.Remove(pair); continue; }
                counts[pair] = count;
                if (!places.TryGetValue(pair, out var set)) places[pair] = set = [];
                if (sign > 0) set.Add(w); else set.Remove(w);
            }
        }
    }

    private static void Merge(List<int> word, (int Left, int Right) pair, int merged)
    {
        for (var i = 0; i + 1 < word.Count; i++)
        {
            if (word[i] != pair.Left || word[i + 1] != pair.Right) continue;
            word[i] = merged;
            word.RemoveAt(i + 1);
        }
    }

    /// <summary>Orders pairs so that of two with the same count the one that sorts first by text is the larger.</summary>
    private readonly record struct PairText(string Left, string Right) : IComparable<PairText>
    {
        public int CompareTo(PairText other)
        {
            var left = string.CompareOrdinal(other.Left, Left);
            return left != 0 ? left : string.CompareOrdinal(other.Right, Right);
        }
    }
}

/// <summary>The tokens and merges of a byte-level BPE: ids 0..255 are the bytes, id 256 + r the result of merge r.</summary>
public sealed class BpeVocabulary
{
    private readonly List<string> texts = [];
    private readonly List<(string Left, string Right)> merges = [];
    private readonly Dictionary<string, int> ids = new(StringComparer.Ordinal);

    /// <summary>A vocabulary of the 256 bytes and no merge.</summary>
    public BpeVocabulary()
    {
        for (var b = 0; b < 256; b++) Append(ByteAlphabet.CharOf((byte)b).ToString());
    }

    /// <summary>Token texts by id, in the printable byte alphabet ("Ġ" stands for a blank).</summary>
    public IReadOnlyList<string> Texts => texts;

    /// <summary>Merges by rank: the two token texts that become one.</summary>
    public IReadOnlyList<(string Left, string Right)> Merges => merges;

    /// <summary>Ids by token text (printable byte alphabet).</summary>
    public IReadOnlyDictionary<string, int> Ids => ids;

    internal int Add(int left, int right)
    {
        merges.Add((texts[left], texts[right]));
        return Append(texts[left] + texts[right]);
    }

    private int Append(string text)
    {
        if (ids.TryGetValue(text, out var known)) return known;
        ids[text] = texts.Count;
        texts.Add(text);
        return texts.Count - 1;
    }
}
