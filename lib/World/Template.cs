namespace HeadKvLab.World;

/// <summary>
/// A sentence form compiled to token ids: every piece is one token, one draw of a word, or an argument.
/// <para>Example: "The $0 is $1." becomes " The", argument 0, " is", argument 1, ".".</para>
/// </summary>
internal sealed class Template
{
    private const int ArgumentBase = -1, DrawBase = -100, AnyNoun = -200;
    private readonly int[] pieces;      // >= 0 token id, -1-k argument k, -100-kind draw of that kind

    /// <summary>Compiles a form of <see cref="Grammar"/>; <paramref name="relation"/> stands for <c>%R</c>.</summary>
    public Template(string form, WorldTokenizer tokenizer, string relation = "")
    {
        pieces = Pieces(form.Replace("%R", relation)).Select(piece => piece switch
        {
            { IsLiteral: true } => tokenizer.Id(piece.Text),
            { Text: ['$', var digit] } => ArgumentBase - (digit - '0'),
            { Text: "{noun}" } => AnyNoun,
            _ => DrawBase - (int)Enum.Parse<WordKind>(piece.Text[1..^1], ignoreCase: true),
        }).ToArray();
    }

    /// <summary>Number of tokens when every argument is one token.</summary>
    public int Length => pieces.Length;

    /// <summary>Appends one sentence of this form.</summary>
    /// <param name="into">Where the tokens go.</param>
    /// <param name="decks">Words to draw from.</param>
    /// <param name="fact">Draw words reserved for facts (else words of the filler).</param>
    /// <param name="arguments">Token runs inside <paramref name="into"/>, or single ids.</param>
    public void Write(TokenBuffer into, WordDecks decks, bool fact, params ReadOnlySpan<Words> arguments)
    {
        foreach (var piece in pieces)
        {
            if (piece >= 0) into.Add(piece);
            else if (piece > DrawBase) into.Add(arguments[ArgumentBase - piece]);
            else
            {
                var kind = piece == AnyNoun ? WordLists.Classes[decks.Random.Below(WordLists.Classes.Length)] : (WordKind)(DrawBase - piece);
                into.Add(fact ? decks.Deal(kind) : decks.Filler(kind));
            }
        }
    }

    /// <summary>Splits a form at blanks, and each closing mark from its word.</summary>
    public static IEnumerable<(string Text, bool IsLiteral)> Pieces(string form)
    {
        foreach (var word in form.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var mark = word.Length > 1 && ".,?:;".Contains(word[^1]) ? word[^1..] : "";
            var core = word[..^mark.Length];
            if (core == "%R") continue;
            if (core[0] is '$' or '{') yield return (core, false);
            else yield return (core[0] == '^' ? core[1..] : " " + core, true);
            if (mark != "") yield return (mark, true);
        }
    }
}

/// <summary>One token id, or a run of tokens that already stands in a <see cref="TokenBuffer"/>.</summary>
internal readonly record struct Words(int IdOrStart, int Length)
{
    /// <summary>A single token.</summary>
    public static implicit operator Words(int id) => new(id, 0);
}

/// <summary>A growing list of token ids.</summary>
internal sealed class TokenBuffer
{
    private int[] items = new int[1024];

    /// <summary>Number of tokens.</summary>
    public int Count { get; private set; }

    /// <summary>Appends a token.</summary>
    public void Add(int id)
    {
        if (Count == items.Length) Array.Resize(ref items, 2 * Count);
        items[Count++] = id;
    }

    /// <summary>Appends a token or a run of this buffer.</summary>
    public void Add(Words words)
    {
        if (words.Length == 0) { Add(words.IdOrStart); return; }
        for (var i = 0; i < words.Length; i++) Add(items[words.IdOrStart + i]);
    }

    /// <summary>Appends tokens.</summary>
    public void Add(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids) Add(id);
    }

    /// <summary>The tokens [start, start + length).</summary>
    public ReadOnlySpan<int> Span(int start, int length) => items.AsSpan(start, length);

    /// <summary>Forgets everything from a place on.</summary>
    public void Truncate(int count) => Count = count;
}
