using System.Buffers;

namespace HeadKvLab.Text;

/// <summary>A token written into the vocabulary by hand, with Hugging Face's matching flags.</summary>
internal sealed record AddedToken(
    int Id, string Content, bool Special = true, bool SingleWord = false, bool LeftStrip = false, bool RightStrip = false, bool Normalized = false);

/// <summary>
/// Finds added tokens in a text: leftmost first, the longest at a place (as the Aho-Corasick search of the reference
/// does), then the flags: a single word must not touch word characters, stripping swallows blanks beside the token.
/// </summary>
internal sealed class AddedTokens
{
    /// <summary>A part of a text: an added token when it has an id, plain text else.</summary>
    public readonly record struct Stretch(int Start, string Text, int? Id);

    /// <summary>No tokens: every text is one stretch.</summary>
    public static AddedTokens None { get; } = new([]);

    private readonly Dictionary<(int Node, char Next), int> _trie = [];
    private readonly Dictionary<int, AddedToken> _ends = [];
    private readonly SearchValues<char> _starts;

    public AddedTokens(IReadOnlyCollection<AddedToken> tokens)
    {
        foreach (AddedToken token in tokens)
        {
            if (token.Content.Length == 0) continue;
            int node = 0;
            foreach (char c in token.Content)
            {
                if (!_trie.TryGetValue((node, c), out int next)) _trie.Add((node, c), next = _trie.Count + 1);
                node = next;
            }
            _ends.TryAdd(node, token);
        }
        _starts = SearchValues.Create(tokens.Where(t => t.Content.Length > 0).Select(t => t.Content[0]).Distinct().ToArray());
    }

    /// <summary>Cuts a text at the added tokens; no stretch is empty.</summary>
    public List<Stretch> Cut(string text)
    {
        var stretches = new List<Stretch>();
        int done = 0, at = 0;
        while (_ends.Count > 0 && at < text.Length)
        {
            int hit = text.AsSpan(at).IndexOfAny(_starts);
            if (hit < 0) break;
            at += hit;
            if (Longest(text, at) is not AddedToken token)
            {
                at++;
                continue;
            }
            int start = at, stop = at + token.Content.Length;
            at = stop;
            if (token.SingleWord && (start > 0 && WordCharacters.EndsWith(text.AsSpan(0, start)) || stop < text.Length && WordCharacters.StartsWith(text.AsSpan(stop)))) continue;
            if (token.LeftStrip)
            {
                while (start > 0 && char.IsWhiteSpace(text[start - 1])) start--;
                start = Math.Max(start, done);
            }
            if (token.RightStrip) while (stop < text.Length && char.IsWhiteSpace(text[stop])) stop++;
            if (start > done) stretches.Add(new Stretch(done, text[done..start], null));
            // A token found among blanks that the token before it has swallowed counts all the same, as in the reference.
            if (stop > start) stretches.Add(new Stretch(start, text[start..stop], token.Id));
            done = stop;
        }
        if (done < text.Length) stretches.Add(new Stretch(done, text[done..], null));
        return stretches;
    }

    private AddedToken? Longest(string text, int at)
    {
        AddedToken? longest = null;
        for (int node = 0; at < text.Length && _trie.TryGetValue((node, text[at]), out node); at++)
            longest = _ends.GetValueOrDefault(node) ?? longest;
        return longest;
    }
}
