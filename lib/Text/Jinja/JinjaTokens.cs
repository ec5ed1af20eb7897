namespace HeadKvLab.Text.Jinja;

/// <summary>A template's tokens and the place reached; shared by the parsers of statements and of expressions.</summary>
internal sealed class JinjaTokens(string source, List<JinjaToken> tokens)
{
    private const int DeepestNesting = 100;
    private int _at;
    private int _depth;

    public JinjaToken Current => tokens[_at];

    public int Line => Current.Line;

    public JinjaToken Next() => tokens[_at < tokens.Count - 1 ? _at++ : _at];

    public bool IsSign(string sign) => Current.Kind == JinjaTokenKind.Sign && Current.Text == sign;

    public bool IsName(string name) => Current.Kind == JinjaTokenKind.Name && Current.Text == name;

    /// <summary>Whether the token after the current one is this name.</summary>
    public bool FollowedByName(string name) => _at + 1 < tokens.Count && tokens[_at + 1] is { Kind: JinjaTokenKind.Name } next && next.Text == name;

    /// <summary>Whether the token after the current one is this sign.</summary>
    public bool FollowedBySign(string sign) => _at + 1 < tokens.Count && tokens[_at + 1] is { Kind: JinjaTokenKind.Sign } next && next.Text == sign;

    public bool TrySign(string sign)
    {
        if (!IsSign(sign)) return false;
        Next();
        return true;
    }

    public bool TryName(string name)
    {
        if (!IsName(name)) return false;
        Next();
        return true;
    }

    public void Sign(string sign)
    {
        if (!TrySign(sign)) throw Bad($"'{sign}' expected before '{Current.Text}'");
    }

    public void Word(string name)
    {
        if (!TryName(name)) throw Bad($"'{name}' expected before '{Current.Text}'");
    }

    public string Name() => Current.Kind == JinjaTokenKind.Name ? Next().Text : throw Bad($"a name expected before '{Current.Text}'");

    public void Kind(JinjaTokenKind kind)
    {
        if (Next().Kind != kind) throw Bad($"the tag should end before '{tokens[_at - 1].Text}'");
    }

    /// <summary>Guards recursion: the depth of brackets and blocks is bounded.</summary>
    public T Nested<T>(Func<T> parse)
    {
        if (++_depth > DeepestNesting) throw Bad($"nesting deeper than {DeepestNesting}");
        T result = parse();
        _depth--;
        return result;
    }

    public LabException Bad(string what) => JinjaRun.Bad(source, Line, what);
}
