using System.Text;
using System.Text.RegularExpressions;

namespace HeadKvLab.Text;

/// <summary>
/// Translates a tokenizer's pattern (Oniguruma, as Hugging Face runs it) to a .NET pattern that matches the same
/// strings, or refuses it by name: what the two dialects read differently (word boundaries, anchors, nested classes,
/// script names) is never passed through. Possessive quantifiers become atomic groups; inside (?i:) an 's' or 'k' also
/// matches U+017F and U+212A, which Unicode folds to them.
/// </summary>
internal sealed class RegexDialect
{
    /// <summary>How long one match may be searched for: a pattern that backtracks without end is an error, not a hang.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const string SafeEscapes = "sSdDrntfv";
    private static readonly HashSet<string> Categories =
        ["L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
         "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co", "Cn"];

    private readonly string _place;
    private readonly string _pattern;
    private readonly StringBuilder _out = new();
    private readonly Stack<(int Start, bool FoldsCase)> _groups = new();
    private bool _foldsCase;
    private int _at;
    private int _atom = -1;

    private RegexDialect(string place, string pattern) => (_place, _pattern) = (place, pattern);

    /// <summary>Compiles a pattern.</summary>
    /// <param name="place">File and place, named in errors.</param>
    /// <param name="pattern">The pattern as the file has it.</param>
    public static Regex Compile(string place, string pattern)
    {
        string translated = new RegexDialect(place, pattern).Translate();
        try
        {
            return new Regex(translated, RegexOptions.Compiled | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Patience);
        }
        catch (ArgumentException error)
        {
            throw new LabException($"{place}: the pattern '{pattern}' cannot be read: {error.Message}", error);
        }
    }

    private string Translate()
    {
        while (_at < _pattern.Length)
        {
            char c = _pattern[_at];
            switch (c)
            {
                case '\\': Atom(); Escape(); break;
                case '[': Atom(); Class(); break;
                case '(': Open(); break;
                case ')': Close(); break;
                case '|': _atom = -1; Copy(1); break;
                case '?' or '*' or '+': Quantify(1, true); break;
                case '{': Quantify(Interval(), false); break;
                case '^' or '$': throw Refuse($"the anchor '{c}'");
                default: Atom(); Literal(c, false); _at++; break;
            }
        }
        if (_groups.Count > 0) throw Refuse("an unclosed group");
        return _out.ToString();
    }

    private void Atom() => _atom = _out.Length;

    private void Copy(int count)
    {
        _out.Append(_pattern, _at, count);
        _at += count;
    }

    private void Literal(char c, bool inClass)
    {
        if (char.IsSurrogate(c)) throw Refuse("a character beyond U+FFFF");
        string? folded = !_foldsCase ? null : c switch { 's' or 'S' => "sS\u017F", 'k' or 'K' => "kK\u212A", _ => null };
        if (folded is null) _out.Append(c is '#' or ' ' ? $"\\{c}" : c.ToString());
        else _out.Append(inClass ? folded : $"[{folded}]");
    }

    private void Escape()
    {
        if (_at + 1 >= _pattern.Length) throw Refuse("a lone backslash at the end");
        char c = _pattern[_at + 1];
        if (c is 'p' or 'P')
        {
            int open = _at + 2, close = _pattern.IndexOf('}', _at);
            string name = close > open && _pattern[open] == '{' ? _pattern[(open + 1)..close] : "";
            if (!Categories.Contains(name)) throw Refuse($"the property '\\{c}{{{name}}}'");
            Copy(close + 1 - _at);
        }
        else if (c is 'x' or 'u')
        {
            int digits = c == 'x' ? 2 : 4;
            if (_at + 2 + digits > _pattern.Length || !_pattern.AsSpan(_at + 2, digits).ContainsOnlyHex()) throw Refuse($"the escape '\\{c}'");
            Copy(2 + digits);
        }
        else if (SafeEscapes.Contains(c) || (char.IsAscii(c) && !char.IsLetterOrDigit(c))) Copy(2);
        else throw Refuse($"the escape '\\{c}'");
    }

    private void Class()
    {
        Copy(1);
        if (_at < _pattern.Length && _pattern[_at] == '^') Copy(1);
        while (true)
        {
            if (_at >= _pattern.Length) throw Refuse("an unclosed class");
            char c = _pattern[_at];
            if (c == ']') break;
            if (c == '[') throw Refuse("a class inside a class");
            if (c == '&' && _at + 1 < _pattern.Length && _pattern[_at + 1] == '&') throw Refuse("an intersection of classes '&&'");
            if (c == '\\') Escape();
            else
            {
                Literal(c, true);
                _at++;
            }
        }
        Copy(1);
    }

    private void Open()
    {
        _groups.Push((_out.Length, _foldsCase));
        string rest = _pattern[_at..];
        if (!rest.StartsWith("(?", StringComparison.Ordinal)) Copy(1);
        else if (rest.StartsWith("(?i:", StringComparison.Ordinal))
        {
            _foldsCase = true;
            Copy(4);
        }
        else if (Array.Find(["(?<=", "(?<!", "(?:", "(?=", "(?!", "(?>"], o => rest.StartsWith(o, StringComparison.Ordinal)) is string known)
            Copy(known.Length);
        else throw Refuse($"the group '{rest[..Math.Min(4, rest.Length)]}'");
        _atom = -1;
    }

    private void Close()
    {
        if (_groups.Count == 0) throw Refuse("a ')' without '('");
        (_atom, _foldsCase) = _groups.Pop();
        Copy(1);
    }

    private int Interval()
    {
        int close = _pattern.IndexOf('}', _at);
        if (close < 0 || !_pattern.AsSpan(_at + 1, close - _at - 1).ContainsOnlyDigitsAndComma()) throw Refuse("a '{' that is no interval");
        return close + 1 - _at;
    }

    private void Quantify(int length, bool mayBePossessive)
    {
        if (_atom < 0) throw Refuse($"the quantifier '{_pattern[_at]}' with nothing before it");
        if (!mayBePossessive && _pattern.AsSpan(_at, length).StartsWith("{,")) _out.Append("{0").Append(_pattern, _at + 1, length - 1);
        else _out.Append(_pattern, _at, length);
        _at += length;
        char after = _at < _pattern.Length ? _pattern[_at] : '\0';
        if (after == '?') Copy(1);
        else if (after == '+' && mayBePossessive)
        {
            _out.Insert(_atom, "(?>").Append(')');
            _at++;
        }
        else if (after is '+' or '*') throw Refuse($"the quantifier '{after}' after a quantifier");
        _atom = -1;
    }

    private LabException Refuse(string what) => new(
        $"{_place}: the pattern '{_pattern}' uses {what} at character {_at}, which .NET reads differently or not at all: " +
        "this tokenizer is not supported.");
}

internal static class PatternSpans
{
    public static bool ContainsOnlyHex(this ReadOnlySpan<char> span)
    {
        foreach (char c in span) if (!char.IsAsciiHexDigit(c)) return false;
        return true;
    }

    public static bool ContainsOnlyDigitsAndComma(this ReadOnlySpan<char> span)
    {
        foreach (char c in span) if (!char.IsAsciiDigit(c) && c != ',') return false;
        return span.Length > 0;
    }
}
