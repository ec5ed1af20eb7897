using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// Token texts and ids, both ways, with what each id decodes to. Ids may have holes (an id without a token);
/// <see cref="Size"/> is the largest id plus one.
/// </summary>
internal sealed class Vocabulary
{
    /// <summary>Largest id accepted: beyond it a file is taken to be damaged rather than large.</summary>
    public const int MaxId = 1 << 24;

    private readonly string _source;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<string?> _texts = [];
    private readonly List<byte[]?> _bytes = [];
    private readonly HashSet<int> _special = [];
    private readonly HashSet<int> _rawBytes = [];

    /// <param name="source">The file the vocabulary comes from, named in errors.</param>
    public Vocabulary(string source) => _source = source;

    /// <summary>Largest id plus one.</summary>
    public int Size => _texts.Count;

    /// <summary>Whether decoding drops one leading blank (SentencePiece's dummy prefix).</summary>
    public bool DropsLeadingBlank { get; set; }

    /// <summary>Adds a token.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="text">Its text as written in the file.</param>
    /// <param name="bytes">What it decodes to.</param>
    /// <param name="special">Whether decoding may skip it.</param>
    /// <param name="rawByte">Whether it is a byte-fallback token, whose run must be valid UTF-8 to be text.</param>
    public void Add(int id, string text, byte[] bytes, bool special = false, bool rawByte = false)
    {
        if (id is < 0 or > MaxId)
            throw new LabException($"{_source}: token '{text}' has id {id}; ids run from 0 to {MaxId:N0}: the file is damaged: download it again.");
        while (_texts.Count <= id)
        {
            _texts.Add(null);
            _bytes.Add(null);
        }
        if (_texts[id] is string other && other != text)
            throw new LabException($"{_source}: id {id} is given to '{other}' and to '{text}'; an id has one token: the file is damaged: download it again.");
        if (_ids.TryGetValue(text, out int known) && known != id)
            throw new LabException($"{_source}: token '{text}' has the ids {known} and {id}; a token has one id: the file is damaged: download it again.");
        _ids[text] = id;
        _texts[id] = text;
        _bytes[id] = bytes;
        if (special) _special.Add(id);
        if (rawByte) _rawBytes.Add(id);
    }

    /// <summary>All tokens.</summary>
    public IEnumerable<KeyValuePair<string, int>> Tokens => _ids;

    /// <summary>Whether the text is a token, and its id.</summary>
    public bool TryId(string text, out int id) => _ids.TryGetValue(text, out id);

    /// <summary>As <see cref="TryId(string, out int)"/>, without a string.</summary>
    public bool TryId(ReadOnlySpan<char> text, out int id) => _ids.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out id);

    /// <summary>The token's text; refuses an id without a token.</summary>
    public string TextOf(int id) => Known(id) ? _texts[id]! : throw Unknown(id);

    /// <summary>What the token decodes to; refuses an id without a token.</summary>
    public byte[] BytesOf(int id) => Known(id) ? _bytes[id]! : throw Unknown(id);

    /// <summary>Whether decoding may skip the token.</summary>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>
    /// Decodes ids as Hugging Face's decoders do: bytes joined and read as UTF-8, damaged sequences as U+FFFD;
    /// a run of byte-fallback tokens that is not valid UTF-8 gives one U+FFFD per byte.
    /// </summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        var bytes = new List<byte>(ids.Length * 4);
        for (int i = 0; i < ids.Length; i++)
        {
            byte[] own = BytesOf(ids[i]);
            if (skipSpecial && IsSpecial(ids[i])) continue;
            if (!_rawBytes.Contains(ids[i]))
            {
                bytes.AddRange(own);
                continue;
            }
            var run = new List<byte>(own);
            while (i + 1 < ids.Length && (_rawBytes.Contains(ids[i + 1]) || (skipSpecial && IsSpecial(ids[i + 1]))))
                if (_rawBytes.Contains(ids[++i])) run.AddRange(BytesOf(ids[i]));
            byte[] whole = run.ToArray();
            if (System.Text.Unicode.Utf8.IsValid(whole)) bytes.AddRange(whole);
            else foreach (byte _ in whole) bytes.AddRange("\uFFFD"u8);
        }
        string text = Encoding.UTF8.GetString(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
        return DropsLeadingBlank && text.StartsWith(' ') ? text[1..] : text;
    }

    /// <summary>Whether the id has a token.</summary>
    public bool Known(int id) => (uint)id < (uint)_texts.Count && _texts[id] is not null;

    private LabException Unknown(int id) =>
        new($"{_source}: no token has id {id}; ids run from 0 to {Size - 1:N0}: use the tokenizer that belongs to the model.");
}
