using System.Globalization;
using System.Text;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>
/// Reads Python literals, strings, numbers, lists, tuples, dictionaries, True, False and None, as LooGLE stores its question lists. Nothing
/// is executed; depth and size are limited.
/// </summary>
public sealed class PythonLiteral
{
    private const int DeepestNesting = 64, LongestText = 1 << 26;

    private readonly string _text, _place;
    private readonly bool _join;
    private int _at;

    private PythonLiteral(string text, string place, bool join) => (_text, _place, _join) = (text, place, join);

    /// <summary>Reads a literal.</summary>
    /// <param name="text">The literal, nothing after it.</param>
    /// <param name="place">File and line, for errors.</param>
    /// <param name="joinStrings">Whether neighbouring strings are one, as in Python; printed arrays leave the commas out, and there they are several.</param>
    /// <returns><see cref="string"/>, <see cref="double"/>, <see cref="bool"/>, null, <c>List&lt;object?&gt;</c> or <c>Dictionary&lt;string, object?&gt;</c>.</returns>
    /// <exception cref="LabException">The text is no such literal.</exception>
    public static object? Parse(string text, string place, bool joinStrings = true)
    {
        if (text.Length > LongestText) throw new LabException($"{place}: a literal of {text.Length:N0} characters; at most {LongestText:N0} are read");
        var reader = new PythonLiteral(text, place, joinStrings);
        var value = reader.Value(0);
        reader.Blanks();
        return reader._at == text.Length ? value : throw reader.Wrong("something follows the literal");
    }

    private object? Value(int depth)
    {
        if (depth > DeepestNesting) throw Wrong($"nested more than {DeepestNesting} deep");
        Blanks();
        switch (Peek())
        {
            case '[': return Items('[', ']', depth);
            case '(': return Items('(', ')', depth);
            case '{': return Pairs(depth);
            case '\'' or '"': return Text();
            case 'r' or 'u' or 'b' when _at + 1 < _text.Length && _text[_at + 1] is '\'' or '"': throw Wrong("a string with a prefix");
        }
        foreach (var (word, value) in ((string, object?)[])[("True", true), ("False", false), ("None", null), ("nan", double.NaN)])
            if (_text.AsSpan(_at).StartsWith(word))
            {
                _at += word.Length;
                return value;
            }
        return Number();
    }

    private List<object?> Items(char open, char close, int depth)
    {
        Take(open);
        var items = new List<object?>();
        for (Blanks(); Peek() != close; Blanks())
        {
            items.Add(Value(depth + 1));
            Blanks();
            if (Peek() != close) Take(',');
        }
        Take(close);
        return items;
    }

    private Dictionary<string, object?> Pairs(int depth)
    {
        Take('{');
        var pairs = new Dictionary<string, object?>(StringComparer.Ordinal);
        for (Blanks(); Peek() != '}'; Blanks())
        {
            var key = Value(depth + 1)?.ToString() ?? "None";
            Blanks();
            Take(':');
            pairs[key] = Value(depth + 1);
            Blanks();
            if (Peek() != '}') Take(',');
        }
        Take('}');
        return pairs;
    }

    /// <summary>Neighbouring strings are one, as in Python.</summary>
    private string Text()
    {
        var text = new StringBuilder();
        for (var first = true; _at < _text.Length && Peek() is '\'' or '"'; first = false)
        {
            if (!first && !_join) throw Wrong("two strings stand side by side without a comma");
            var quote = _text[_at++];
            while (Peek() != quote)
                if (_text[_at] == '\\') Escape(text);
                else text.Append(_text[_at++]);
            _at++;
            Blanks();
        }
        return text.ToString();
    }

    private void Escape(StringBuilder text)
    {
        _at++;
        var c = Peek();
        _at++;
        switch (c)
        {
            case 'n': text.Append('\n'); break;
            case 't': text.Append('\t'); break;
            case 'r': text.Append('\r'); break;
            case 'a': text.Append('\a'); break;
            case 'b': text.Append('\b'); break;
            case 'f': text.Append('\f'); break;
            case 'v': text.Append('\v'); break;
            case '\n': break;
            case '\\' or '\'' or '"': text.Append(c); break;
            case 'x': text.Append((char)Hex(2)); break;
            case 'u': text.Append((char)Hex(4)); break;
            case 'U': text.Append(Hex(8) is >= 0 and <= 0x10FFFF and not (>= 0xD800 and <= 0xDFFF) and var point ? char.ConvertFromUtf32(point) : throw Wrong("no character of that code")); break;
            case >= '0' and <= '7':
                var octal = c - '0';
                for (var i = 0; i < 2 && _at < _text.Length && _text[_at] is >= '0' and <= '7'; i++) octal = octal * 8 + (_text[_at++] - '0');
                text.Append((char)octal);
                break;
            default: text.Append('\\').Append(c); break; // as Python does with escapes it does not know
        }
    }

    private int Hex(int digits)
    {
        if (_at + digits > _text.Length || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)) throw Wrong($"{digits} hexadecimal digits were expected");
        _at += digits;
        return code;
    }

    private double Number()
    {
        var start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '.' or '+' or '-' or '_')) _at++;
        return double.TryParse(_text.AsSpan(start, _at - start).ToString().Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number : throw Wrong("a string, number, list or dictionary was expected");
    }

    private void Blanks()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\t' or '\n' or '\r' or '\f') _at++; // as Python's tokenizer
    }

    private char Peek() => _at < _text.Length ? _text[_at] : throw Wrong("it ends too early");

    private void Take(char wanted)
    {
        if (Peek() != wanted) throw Wrong($"'{wanted}' was expected");
        _at++;
    }

    private LabException Wrong(string what) => new($"{_place}: not a Python literal at character {_at}: {what}; correct the file");
}
