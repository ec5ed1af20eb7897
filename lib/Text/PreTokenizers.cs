using System.Runtime.InteropServices;

namespace HeadKvLab.Text;

/// <summary>What becomes of the text a pattern matched.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    Contiguous,
    MergedWithPrevious,
    MergedWithNext,
}

/// <summary>Cuts at the matches of a pattern; inverted, the stretches between the matches count as the matches.</summary>
internal sealed class SplitPreTokenizer(Action<ReadOnlySpan<char>, List<(int Start, int Length)>> find, SplitBehavior behavior, bool invert)
    : IPreTokenizer
{
    public void Cut(ReadOnlyMemory<char> text, bool first, List<ReadOnlyMemory<char>> words)
    {
        var matches = new List<(int Start, int Length)>(text.Length / 4 + 1);
        find(text.Span, matches);
        var parts = new List<(int Start, int End, bool Match)>(2 * matches.Count + 1);
        int done = 0;
        foreach ((int start, int length) in matches)
        {
            if (start > done) parts.Add((done, start, invert));
            parts.Add((start, start + length, !invert));
            done = start + length;
        }
        if (done < text.Length) parts.Add((done, text.Length, invert));
        int from = words.Count;
        switch (behavior)
        {
            case SplitBehavior.Isolated:
                foreach (var part in parts) words.Add(text[part.Start..part.End]);
                break;
            case SplitBehavior.Removed:
                foreach (var part in parts) if (!part.Match) words.Add(text[part.Start..part.End]);
                break;
            case SplitBehavior.Contiguous:
                for (int i = 0, end; i < parts.Count; i = end)
                {
                    for (end = i + 1; end < parts.Count && parts[end].Match == parts[i].Match; ) end++;
                    words.Add(text[parts[i].Start..parts[end - 1].End]);
                }
                break;
            case SplitBehavior.MergedWithPrevious:
                for (int i = 0; i < parts.Count; i++)
                {
                    bool takesNext = i + 1 < parts.Count && !parts[i].Match && parts[i + 1].Match;
                    words.Add(text[parts[i].Start..parts[takesNext ? i + 1 : i].End]);
                    if (takesNext) i++;
                }
                break;
            case SplitBehavior.MergedWithNext:
                for (int i = parts.Count - 1; i >= 0; i--)
                {
                    bool takesPrevious = i > 0 && !parts[i].Match && parts[i - 1].Match;
                    words.Add(text[parts[takesPrevious ? i - 1 : i].Start..parts[i].End]);
                    if (takesPrevious) i--;
                }
                words.Reverse(from, words.Count - from);
                break;
        }
    }

    /// <summary>Finds a fixed string.</summary>
    public static Action<ReadOnlySpan<char>, List<(int Start, int Length)>> Fixed(string wanted) => (text, matches) =>
    {
        for (int at = 0, hit; (hit = text[at..].IndexOf(wanted, StringComparison.Ordinal)) >= 0; at += hit + wanted.Length)
            matches.Add((at + hit, wanted.Length));
    };
}

/// <summary>Runs several pre-tokenizers, each on the words of the one before.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<IPreTokenizer> steps) : IPreTokenizer
{
    /// <summary>Whether a step marks the beginning of the text, and only it.</summary>
    public bool MarksBeginnings { get; } = steps.Any(step => step is MetaspacePreTokenizer { OnlyFirst: true });

    public void Cut(ReadOnlyMemory<char> text, bool first, List<ReadOnlyMemory<char>> words)
    {
        List<ReadOnlyMemory<char>> current = [text];
        bool begins = first;
        foreach (IPreTokenizer step in steps)
        {
            var next = new List<ReadOnlyMemory<char>>();
            for (int i = 0; i < current.Count; i++) step.Cut(current[i], begins && i == 0, next);
            begins = begins && next.Count > 0 && BeginsLike(next[0], current[0]);
            current = next;
        }
        words.AddRange(current);
    }

    // Where the beginning was removed, the first word is no longer the beginning. A step that rewrites its text keeps it.
    private static bool BeginsLike(ReadOnlyMemory<char> word, ReadOnlyMemory<char> text) =>
        !MemoryMarshal.TryGetString(word, out string? own, out int start, out _) || !MemoryMarshal.TryGetString(text, out string? whole, out int from, out _)
        || !ReferenceEquals(own, whole) || start == from;
}

/// <summary>Puts a blank before every stretch that does not begin with one (ByteLevel's add_prefix_space).</summary>
internal sealed class PrefixSpacePreTokenizer : IPreTokenizer
{
    public void Cut(ReadOnlyMemory<char> text, bool first, List<ReadOnlyMemory<char>> words) =>
        words.Add(text.Span.StartsWith(' ') ? text : (" " + text.ToString()).AsMemory());
}

/// <summary>SentencePiece's blanks: each becomes the replacement, one may be put in front, words may begin at each.</summary>
internal sealed class MetaspacePreTokenizer(char replacement, MetaspacePreTokenizer.Prepend scheme, bool split) : IPreTokenizer
{
    /// <summary>When a replacement is put in front.</summary>
    public enum Prepend { Never, First, Always }

    /// <summary>Whether only the beginning of a text gets a mark.</summary>
    public bool OnlyFirst => scheme == Prepend.First;

    /// <summary>Whether a text that begins with a blank gets one more in front (SentencePiece does, Hugging Face does not).</summary>
    public bool PrependsToBlanks { get; init; }

    private readonly SplitPreTokenizer _split = new(SplitPreTokenizer.Fixed(replacement.ToString()), SplitBehavior.MergedWithNext, false);

    public void Cut(ReadOnlyMemory<char> text, bool first, List<ReadOnlyMemory<char>> words)
    {
        string marked = text.ToString().Replace(' ', replacement);
        bool prepends = (scheme == Prepend.Always || (scheme == Prepend.First && first)) && (PrependsToBlanks || !marked.StartsWith(replacement));
        if (prepends) marked = replacement + marked;
        if (split) _split.Cut(marked.AsMemory(), first, words);
        else words.Add(marked.AsMemory());
    }
}
