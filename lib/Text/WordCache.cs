using System.Collections.Concurrent;

namespace HeadKvLab.Text;

/// <summary>Remembers the ids of short words, which make up most of any text. Bounded; safe for concurrent use.</summary>
internal sealed class WordCache
{
    private const int LongestWord = 24;
    private const int MostWords = 1 << 16;

    private readonly ConcurrentDictionary<string, int[]> _ids = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>Turns a word into ids.</summary>
    public delegate int[] Encoder(ReadOnlySpan<char> word);

    /// <summary>The ids of a word, encoded only when they are not remembered.</summary>
    public int[] Get(ReadOnlySpan<char> word, Encoder encode)
    {
        if (word.Length > LongestWord) return encode(word);
        if (_ids.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word, out int[]? known)) return known;
        int[] ids = encode(word);
        if (Interlocked.Increment(ref _count) > MostWords)
        {
            _ids.Clear();
            _count = 0;
        }
        _ids[word.ToString()] = ids;
        return ids;
    }
}
