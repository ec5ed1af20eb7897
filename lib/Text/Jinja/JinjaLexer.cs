using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>What a piece of a template is.</summary>
internal enum JinjaTokenKind { Data, BlockBegin, BlockEnd, PrintBegin, PrintEnd, Name, String, Integer, Real, Sign, End }

/// <summary>A piece of a template and its line.</summary>
internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Text, int Line);

/// <summary>
/// Cuts a template into tokens with Jinja's whitespace rules as chat templates are rendered with: one line break after a
/// block tag or comment goes (trim_blocks), blanks before one at the beginning of a line go (lstrip_blocks), "-" at a
/// tag strips all white space on its side, "+" keeps it, and one line break at the very end of the template goes.
/// </summary>
internal sealed class JinjaLexer
{
    private static readonly string[] Signs = ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}", ";"];

    private readonly string _source;
    private readonly string _text;
    private readonly List<JinjaToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _lineStarts = true;

    private JinjaLexer(string source, string text)
    {
        _source = source;
        _text = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (_text.EndsWith('\n')) _text = _text[..^1];
    }

    /// <summary>Cuts a template.</summary>
    /// <param name="source">Where it comes from, named in errors.</param>
    /// <param name="text">The template.</param>
    public static List<JinjaToken> Cut(string source, string text) => new JinjaLexer(source, text).Cut();

    private List<JinjaToken> Cut()
    {
        while (_at < _text.Length)
        {
            int tag = NextTag(_at);
            if (tag < 0)
            {
                Data(_text[_at..]);
                break;
            }
            char kind = _text[tag + 1], mark = tag + 2 < _text.Length ? _text[tag + 2] : '\0';
            string before = _text[_at..tag];
            if (mark == '-') before = PythonText.Strip(before, left: false);
            else if (kind != '{' && mark != '+') before = WithoutIndent(before);
            Data(before, _text[_at..tag]);
            _at = tag + (mark is '-' or '+' ? 3 : 2);
            if (kind == '#') Comment();
            else if (kind == '%' && !Raw()) Tag(JinjaTokenKind.BlockBegin, JinjaTokenKind.BlockEnd, "%}");
            else if (kind == '{') Tag(JinjaTokenKind.PrintBegin, JinjaTokenKind.PrintEnd, "}}");
        }
        Add(JinjaTokenKind.End, "the end of the template");
        return _tokens;
    }

    private int NextTag(int from)
    {
        for (int at = from; (at = _text.IndexOf('{', at)) >= 0 && at + 1 < _text.Length; at++)
            if (_text[at + 1] is '{' or '%' or '#') return at;
        return -1;
    }

    private string WithoutIndent(string before)
    {
        int lineStart = before.LastIndexOf('\n') + 1;
        bool atLineStart = lineStart > 0 || _lineStarts;
        return atLineStart && PythonText.Strip(before[lineStart..]).Length == 0 ? before[..lineStart] : before;
    }

    private void Data(string kept, string? whole = null)
    {
        if (kept.Length > 0) Add(JinjaTokenKind.Data, kept);
        _line += (whole ?? kept).AsSpan().Count('\n');
    }

    private void Add(JinjaTokenKind kind, string text) => _tokens.Add(new JinjaToken(kind, text, _line));

    private void Comment()
    {
        int end = _text.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0) throw Bad("a comment is not closed by '#}'");
        _line += _text.AsSpan(_at, end - _at).Count('\n');
        bool strips = end > _at && _text[end - 1] == '-', keeps = end > _at && _text[end - 1] == '+';
        _at = end;
        Close(strips, !keeps);
    }

    // "{% raw %}": everything up to "{% endraw %}" is text.
    private bool Raw()
    {
        ReadOnlySpan<char> inner = _text.AsSpan(_at);
        while (inner.Length > 0 && PythonText.IsSpace(inner[0])) inner = inner[1..];
        if (!inner.StartsWith("raw") || inner.Length < 4 || char.IsLetterOrDigit(inner[3]) || inner[3] == '_') return false;
        throw Bad("'raw' is not supported");
    }

    private void Tag(JinjaTokenKind begin, JinjaTokenKind end, string closer)
    {
        Add(begin, begin == JinjaTokenKind.BlockBegin ? "{%" : "{{");
        int depth = 0;
        while (true)
        {
            while (_at < _text.Length && PythonText.IsSpace(_text[_at])) if (_text[_at++] == '\n') _line++;
            if (_at >= _text.Length) throw Bad($"a tag is not closed by '{closer}'");
            bool marked = _text[_at] is '-' or '+' && string.CompareOrdinal(_text, _at + 1, closer, 0, 2) == 0;
            if (marked || (depth == 0 && string.CompareOrdinal(_text, _at, closer, 0, 2) == 0))
            {
                bool strips = _text[_at] == '-', keeps = _text[_at] == '+';
                Add(end, closer);
                if (marked) _at++;
                Close(strips, end == JinjaTokenKind.BlockEnd && !keeps);
                return;
            }
            Lexeme(ref depth);
        }
    }

    private void Close(bool strips, bool dropsBreak)
    {
        _at += 2;
        int from = _at;
        if (strips) while (_at < _text.Length && PythonText.IsSpace(_text[_at])) _at++;
        else if (dropsBreak && _at < _text.Length && _text[_at] == '\n') _at++;
        _line += _text.AsSpan(from, _at - from).Count('\n');
        _lineStarts = _at > from && _text[_at - 1] == '\n';
    }

    private void Lexeme(ref int depth)
    {
        char c = _text[_at];
        int start = _at;
        if (char.IsLetter(c) || c == '_')
        {
            while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] == '_')) _at++;
            Add(JinjaTokenKind.Name, _text[start.._at]);
        }
        else if (char.IsAsciiDigit(c)) Number();
        else if (c is '\'' or '"') Add(JinjaTokenKind.String, Literal(c));
        else if (Array.Find(Signs, s => string.CompareOrdinal(_text, _at, s, 0, s.Length) == 0) is string sign)
        {
            depth += sign is "(" or "[" or "{" ? 1 : sign is ")" or "]" or "}" ? -1 : 0;
            Add(JinjaTokenKind.Sign, sign);
            _at += sign.Length;
        }
        else throw Bad($"the character '{c}' cannot stand in a tag");
    }

    private void Number()
    {
        int start = _at;
        while (_at < _text.Length && (char.IsAsciiDigit(_text[_at]) || _text[_at] == '_')) _at++;
        bool real = false;
        if (_at + 1 < _text.Length && _text[_at] == '.' && char.IsAsciiDigit(_text[_at + 1]))
        {
            real = true;
            for (_at++; _at < _text.Length && char.IsAsciiDigit(_text[_at]); ) _at++;
        }
        int exponent = _at + 1 < _text.Length && (_text[_at] is 'e' or 'E') ? _at + (_text[_at + 1] is '+' or '-' ? 2 : 1) : _text.Length;
        if (exponent < _text.Length && char.IsAsciiDigit(_text[exponent]))
        {
            real = true;
            for (_at = exponent; _at < _text.Length && char.IsAsciiDigit(_text[_at]); ) _at++;
        }
        string digits = _text[start.._at].Replace("_", "", StringComparison.Ordinal);
        if (!real && !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out _)) throw Bad($"the number {digits} is too large");
        Add(real ? JinjaTokenKind.Real : JinjaTokenKind.Integer, digits);
    }

    private string Literal(char quote)
    {
        var value = new StringBuilder();
        int begin = _line;
        for (_at++; ; _at++)
        {
            if (_at >= _text.Length) throw new LabException($"{_source}: line {begin}: a string is not closed by {quote}.");
            char c = _text[_at];
            if (c == '\n') _line++;
            if (c == quote) break;
            if (c != '\\' || _at + 1 >= _text.Length)
            {
                value.Append(c);
                continue;
            }
            c = _text[++_at];
            switch (c)
            {
                case 'n': value.Append('\n'); break;
                case 't': value.Append('\t'); break;
                case 'r': value.Append('\r'); break;
                case '\\' or '\'' or '"': value.Append(c); break;
                case 'u' when _at + 4 < _text.Length && ushort.TryParse(_text.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit):
                    value.Append((char)unit);
                    _at += 4;
                    break;
                case 'x' when _at + 2 < _text.Length && byte.TryParse(_text.AsSpan(_at + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte code):
                    value.Append((char)code);
                    _at += 2;
                    break;
                case >= '0' and <= '9' or 'a' or 'b' or 'f' or 'v' or 'N' or 'U' or 'u' or 'x' or '\n': throw Bad($"the escape '\\{c}' in a string is not supported");
                default: value.Append('\\').Append(c); break;
            }
        }
        _at++;
        return value.ToString();
    }

    private LabException Bad(string what) => JinjaRun.Bad(_source, _line, what);
}
