using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// BPE over characters with byte fallback (Llama-2, Mistral, any SentencePiece BPE): a character outside the vocabulary
/// becomes its UTF-8 bytes' tokens &lt;0x00&gt;..&lt;0xFF&gt;, or the unknown token where those are missing. Our own loop: the
/// package's BPE has no byte fallback. When no token has a blank mark '▁' after another character, no merge can cross
/// such a place, so a text is cut there (same ids, a cache instead of one long word). Tokens that are taken apart again
/// need the whole text at once: SentencePiece remembers for each the pair that it last could have been made of.
/// </summary>
internal sealed class PieceBpe : IWordEncoder
{
    private const char Blank = '▁';

    private readonly Vocabulary _vocabulary;
    private readonly MergeTable _merges;
    private readonly PieceBpeOptions _options;
    private readonly int[]? _byteTokens;
    private readonly bool _cutsAtBlanks;
    private readonly WordCache _cache = new();

    public PieceBpe(Vocabulary vocabulary, MergeTable merges, PieceBpeOptions options)
    {
        _vocabulary = vocabulary;
        _merges = merges;
        _options = options;
        if (options.ByteFallback) _byteTokens = ByteTokens(vocabulary);
        _cutsAtBlanks = options.TakenApart.Count == 0 && options.WordSuffix.Length == 0 && vocabulary.TryId(Blank.ToString(), out _) && !vocabulary.Tokens.Any(token => HasInnerBlank(token.Key));
    }

    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        if (_options.IgnoreMerges && _vocabulary.TryId(word, out int whole))
        {
            ids.Add(whole);
            return;
        }
        while (_cutsAtBlanks && InnerBlank(word) is int cut and > 0)
        {
            ids.AddRange(_cache.Get(word[..cut], EncodePart));
            word = word[cut..];
        }
        ids.AddRange(_cache.Get(word, EncodePart));
    }

    private int[] EncodePart(ReadOnlySpan<char> part)
    {
        int[] symbols = Symbols(part);
        var parts = new Dictionary<int, (int Left, int Right)>();
        ReadOnlySpan<int> merged = symbols.AsSpan(0, _merges.Apply(symbols, _options.TakenApart, parts));
        if (_options.Placeholders is null && parts.Count == 0) return merged.ToArray();
        var whole = new List<int>(merged.Length);
        foreach (int symbol in merged) TakeApart(symbol, parts, whole);
        var ids = new List<int>(whole.Count);
        Emit(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(whole), ids);
        return ids.ToArray();
    }

    private void TakeApart(int symbol, Dictionary<int, (int Left, int Right)> parts, List<int> result)
    {
        if (!_options.TakenApart.Contains(symbol) || !parts.TryGetValue(symbol, out (int Left, int Right) pair))
        {
            result.Add(symbol);
            return;
        }
        TakeApart(pair.Left, parts, result);
        TakeApart(pair.Right, parts, result);
    }

    // Symbols are token ids; a character that only occurs inside tokens has a placeholder beyond them, an unknown one its bytes.
    private int[] Symbols(ReadOnlySpan<char> part)
    {
        var symbols = new List<int>(part.Length);
        bool unknown = false;
        if (_options.Whole == AddedTokens.None) Symbols(part, symbols, ref unknown);
        else
            foreach (AddedTokens.Stretch stretch in _options.Whole.Cut(part.ToString()))
            {
                if (stretch.Id is not int id) Symbols(stretch.Text, symbols, ref unknown);
                else
                {
                    symbols.Add(id);
                    unknown = false;
                }
            }
        return symbols.ToArray();
    }

    private void Symbols(ReadOnlySpan<char> part, List<int> symbols, ref bool unknown)
    {
        Span<byte> utf8 = stackalloc byte[4];
        int left = part.Length;
        foreach (Rune rune in part.EnumerateRunes())
        {
            left -= rune.Utf16SequenceLength;
            string? last = left == 0 && _options.WordSuffix.Length > 0 ? rune + _options.WordSuffix : null;
            if (last is null ? Symbol(rune) is int symbol : _vocabulary.TryId(last, out symbol))
            {
                symbols.Add(symbol);
                unknown = false;
                continue;
            }
            ReadOnlySpan<byte> bytes = last is null ? utf8[..rune.EncodeToUtf8(utf8)] : Encoding.UTF8.GetBytes(last);
            if (_byteTokens is not null)
                foreach (byte b in bytes) symbols.Add(_byteTokens[b]);
            else if (_options.UnknownId is int id && !(unknown && _options.FusesUnknown)) symbols.Add(id);
            unknown = _byteTokens is null;
        }
    }

    private int? Symbol(Rune rune)
    {
        Span<char> chars = stackalloc char[2];
        ReadOnlySpan<char> text = chars[..rune.EncodeToUtf16(chars)];
        if (_vocabulary.TryId(text, out int id)) return id;
        return _options.Placeholders is not null && _options.Placeholders.TryGetValue(rune, out int placeholder) ? placeholder : null;
    }

    private void Emit(ReadOnlySpan<int> symbols, List<int> ids)
    {
        Span<byte> utf8 = stackalloc byte[4];
        bool unknown = false;
        foreach (int symbol in symbols)
        {
            bool known = symbol < _vocabulary.Size && (_byteTokens is not null || symbol != _options.UnknownId);
            if (known) ids.Add(symbol);
            else if (_byteTokens is not null)
                foreach (byte b in utf8[.._options.PlaceholderRunes![symbol].EncodeToUtf8(utf8)]) ids.Add(_byteTokens[b]);
            else if (_options.UnknownId is int id && !(unknown && _options.FusesUnknown)) ids.Add(id);
            unknown = !known && _byteTokens is null;
        }
    }

    private static bool HasInnerBlank(string token) => InnerBlank(token) > 0;

    private static int InnerBlank(ReadOnlySpan<char> text)
    {
        for (int i = 1, hit; i < text.Length && (hit = text[i..].IndexOf(Blank)) >= 0; i += hit + 1)
            if (text[i + hit - 1] != Blank) return i + hit;
        return 0;
    }

    private static int[]? ByteTokens(Vocabulary vocabulary)
    {
        int[] tokens = new int[256];
        for (int b = 0; b < 256; b++)
            if (!vocabulary.TryId($"<0x{b:X2}>", out tokens[b])) return null;
        return tokens;
    }
}

/// <summary>How a <see cref="PieceBpe"/> treats what its vocabulary lacks.</summary>
internal sealed record PieceBpeOptions
{
    /// <summary>Whether unknown characters become byte tokens.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Whether a word that is a token is taken whole.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>What the last character of a word carries in the vocabulary: GPT's <c>&lt;/w&gt;</c>; empty for none.</summary>
    public string WordSuffix { get; init; } = "";

    /// <summary>The id of what has no other token; null drops it.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Whether neighbouring unknown characters share one id.</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>Tokens that are taken first, as they are written, and never joined with anything.</summary>
    public AddedTokens Whole { get; init; } = AddedTokens.None;

    /// <summary>Ids that merging may pass through but that are none in the end.</summary>
    public IReadOnlySet<int> TakenApart { get; init; } = MergeTable.Nothing;

    /// <summary>Symbols, beyond all ids, of characters that occur in tokens but are none themselves.</summary>
    public IReadOnlyDictionary<Rune, int>? Placeholders { get; init; }

    /// <summary>The characters of those symbols.</summary>
    public IReadOnlyDictionary<int, Rune>? PlaceholderRunes { get; init; }
}
