using System.Text;
using System.Text.RegularExpressions;

namespace HeadKvLab.Text;

/// <summary>
/// Translates a tokenizer's pattern (Oniguruma, as Hugging Face runs it) to a .NET pattern that matches the same
/// strings, or refuses it by name: what the two dialects read differently (word boundaries, anchors, nested classes,
/// script names) is never passed through. Possessive quantifiers become atomic groups; inside (?i:) an 's' or 'k' also
/// matches U+017F and U+212A, which Unicode folds to them. Characters beyond U+FFFF are matched by their substitutes.
/// </summary>
internal sealed class RegexDialect
{
    /// <summary>How long one match may be searched for: a pattern that backtracks without end is an error, not a hang.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const string SafeEscapes = "sSrntfv";

    // In the order of UnicodeCategory.
    private static readonly string[] Categories =
        ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn"];

    private readonly string _place;
    private readonly string _pattern;
    private readonly RuneShadow _shadow;
    private readonly List<int> _places = [];
    private readonly StringBuilder _out = new();
    private readonly Stack<(int Start, bool FoldsCase)> _groups = new();
    private bool _foldsCase;
    private int _at;
    private int _atom = -1;

    private RegexDialect(string place, string pattern, RuneShadow shadow) => (_place, _pattern, _shadow) = (place, pattern, shadow);

    /// <summary>Compiles a pattern, and gives the substitutes it knows.</summary>
    /// <param name="place">File and place, named in errors.</param>
    /// <param name="pattern">The pattern as the file has it.</param>
    public static (Regex Regex, RuneShadow Shadow) Compile(string place, string pattern)
    {
        var first = new RegexDialect(place, pattern, new RuneShadow([]));
        first.Translate();
        RuneShadow shadow;
        try
        {
            shadow = new RuneShadow(first._places);
        }
        catch (OverflowException)
        {
            throw first.Refuse("more ranges of characters beyond U+FFFF than are supported");
        }
        try
        {
            return (new Regex(new RegexDialect(place, pattern, shadow).Translate(), RegexOptions.Compiled | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Patience), shadow);
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
                case '\\': Atom(); if (IsSet()) Set(inClass: false); else Single(inClass: false); break;
                case '[': Atom(); Class(); break;
                case '(': Open(); break;
                case ')': Close(); break;
                case '|': _atom = -1; Copy(1); break;
                case '?' or '*' or '+': Quantify(1, true); break;
                case '{': Quantify(Interval(), false); break;
                case '^' or '$': throw Refuse($"the anchor '{c}'");
                case '.': Atom(); _out.Append("[^\\n]"); _at++; break;   // one unit a character, and both dialects stop at \n alone
                default: Atom(); Single(inClass: false); break;
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

    // Whether an escape stands for several characters: \p{..}, \s, \d and their opposites.
    private bool IsSet() => _at + 1 < _pattern.Length && _pattern[_at] == '\\' && _pattern[_at + 1] is 'p' or 'P' or 's' or 'S' or 'd' or 'D';

    private void Set(bool inClass)
    {
        char c = _pattern[_at + 1];
        if (c is 's' or 'S')
        {
            Copy(2);
            return;
        }
        string name = "Nd";
        int end = _at + 2;
        if (c is 'p' or 'P')
        {
            int close = _pattern.IndexOf('}', _at);
            name = close > end && _pattern[end] == '{' ? _pattern[(end + 1)..close] : "";
            if (name.Length == 0 || !Categories.Any(known => known.StartsWith(name, StringComparison.Ordinal))) throw Refuse($"the property '\\{c}{{{name}}}'");
            end = close + 1;
        }
        var result = new StringBuilder();
        bool group = c == 'p' && name is "L" or "M" or "N" or "P" or "S" or "Z"; // these hold no substitutes of their own
        if (group) result.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\p{{{name}}}");
        for (int i = 0, after; i < Categories.Length; i = after)
        {
            for (after = i; after < Categories.Length && Categories[after].StartsWith(name, StringComparison.Ordinal) == char.IsLower(c); after++)
                if (!group && Categories[after] != "Co") result.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\p{{{Categories[after]}}}");
            if (after > i) result.Append(_shadow.Of(i, after - 1));
            else after++;
        }
        _out.Append(inClass ? result.ToString() : $"[{result}]");
        _at = end;
    }

    // One character, literal or escaped; in a class perhaps the beginning of a range.
    private void Single(bool inClass)
    {
        int low = Read(), high = low;
        if (inClass && _at + 1 < _pattern.Length && _pattern[_at] == '-' && _pattern[_at + 1] != ']')
        {
            _at++;
            if (IsSet() || _pattern[_at] == '[') throw Refuse("a range that ends in a set");
            high = Read();
            if (high < low) throw Refuse("a range whose end is before its beginning");
        }
        string inside = Inside(low, high);
        _out.Append(inClass || (low == high && !_foldsCase && !RuneShadow.Needs(low)) ? inside : $"[{inside}]");
    }

    private int Read()
    {
        char c = _pattern[_at];
        if (c != '\\')
        {
            Rune.DecodeFromUtf16(_pattern.AsSpan(_at), out Rune rune, out int units);
            _at += units;
            return rune.Value;
        }
        if (_at + 1 >= _pattern.Length) throw Refuse("a lone backslash at the end");
        c = _pattern[_at + 1];
        if (c is 'x' or 'u')
        {
            int digits = c == 'x' ? 2 : 4;
            if (_at + 2 + digits > _pattern.Length || !_pattern.AsSpan(_at + 2, digits).ContainsOnlyHex()) throw Refuse($"the escape '\\{c}'");
            _at += 2 + digits;
            return Convert.ToInt32(_pattern.Substring(_at - digits, digits), 16);
        }
        if (!SafeEscapes.Contains(c) && (!char.IsAscii(c) || char.IsLetterOrDigit(c))) throw Refuse($"the escape '\\{c}'");
        _at += 2;
        return c switch { 'r' => '\r', 'n' => '\n', 't' => '\t', 'f' => '\f', 'v' => '\v', _ => c };
    }

    // The inside of a class that matches the characters from one to another.
    private string Inside(int low, int high)
    {
        var result = new StringBuilder();
        if (high >= 0xE000)
        {
            if (_foldsCase && high > 0xFFFF) throw Refuse("a character beyond U+FFFF in any case");
            _places.AddRange([low, high + 1]);
            result.Append(_shadow.Range(low, high));
        }
        Plain(low, Math.Min(high, 0xDFFF));
        Plain(Math.Max(low, 0xF900), Math.Min(high, 0xFFFF));
        if (_foldsCase && Holds('s', 'S')) result.Append("\\u017F");
        if (_foldsCase && Holds('k', 'K')) result.Append("\\u212A");
        return result.ToString();

        void Plain(int from, int to)
        {
            if (from > to) return;
            result.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\u{from:X4}");
            if (to > from) result.Append(System.Globalization.CultureInfo.InvariantCulture, $"-\\u{to:X4}");
        }

        bool Holds(char lower, char upper) => (low <= lower && lower <= high) || (low <= upper && upper <= high);
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
            if (IsSet()) Set(inClass: true);
            else Single(inClass: true);
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
