namespace Microsoft.ML.Tokenizers;

/// <summary>
/// Byte-pair encoding: each text starts as single characters, and the adjacent pair with the lowest merge rank, leftmost
/// first, is joined until no rule applies. Characters outside the vocabulary are dropped. Texts of up to 15 characters are
/// remembered. Subset of the package's class of the same name: the whole text is one word, so callers cut it themselves and
/// pass <c>considerPreTokenization: false</c>.
/// </summary>
public sealed class BpeTokenizer : Tokenizer
{
    private const int LongestRemembered = 15;
    private const int MostRemembered = 1 << 16;

    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _texts = [];
    private readonly int[] _idOfChar = new int[char.MaxValue + 1];
    private readonly MergeRules _rules = new();
    private readonly Dictionary<string, int[]> _remembered = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    private BpeTokenizer(BpeOptions options)
    {
        Array.Fill(_idOfChar, -1);
        foreach ((string token, int id) in options.Vocabulary)
        {
            _ids.Add(token, id);
            _texts[id] = token;
            if (token.Length == 1) _idOfChar[token[0]] = id;
        }
        int rank = 0;
        foreach (string merge in options.Merges ?? [])
        {
            int blank = merge.IndexOf(' ');
            if (blank <= 0 || blank == merge.Length - 1 || merge.IndexOf(' ', blank + 1) >= 0)
                throw new InvalidOperationException($"Invalid merge rule '{merge}'.");
            string left = merge[..blank], right = merge[(blank + 1)..];
            _rules.Add(IdOf(left), IdOf(right), rank++, IdOf(left + right));
        }
    }

    /// <summary>Creates the tokenizer.</summary>
    /// <exception cref="InvalidOperationException">A merge rule names a token that is not in the vocabulary.</exception>
    public static BpeTokenizer Create(BpeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new BpeTokenizer(options);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> EncodeToIds(
        string text, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        return EncodeToIds(text.AsSpan(), considerPreTokenization, considerNormalization);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<int> EncodeToIds(
        ReadOnlySpan<char> text, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        if (considerPreTokenization)
            throw new NotSupportedException("This subset has no pre-tokenizer: pass considerPreTokenization: false.");
        if (text.Length > LongestRemembered) return EncodeWord(text);
        lock (_lock)
            if (_remembered.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out int[]? known)) return known;
        int[] ids = EncodeWord(text);
        lock (_lock)
        {
            if (_remembered.Count >= MostRemembered) _remembered.Clear();
            _remembered[text.ToString()] = ids;
        }
        return ids;
    }

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return string.Concat(ids.Where(_texts.ContainsKey).Select(id => _texts[id]));
    }

    private int[] EncodeWord(ReadOnlySpan<char> text)
    {
        int[] symbols = new int[text.Length];
        int count = 0;
        foreach (char c in text)
            if (_idOfChar[c] >= 0) symbols[count++] = _idOfChar[c];
        return _rules.Apply(symbols.AsSpan(0, count));
    }

    private int IdOf(string token) => _ids.TryGetValue(token, out int id)
        ? id
        : throw new InvalidOperationException($"Trying to merge a token '{token}' that does not exist in the vocabulary.");
}
