using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>The filter tojson: Python's json.dumps without ASCII escapes, as chat templates are rendered with.</summary>
internal static class JinjaJson
{
    public static string Write(object? value, JinjaCallArguments call)
    {
        long? indent = call.Value(1, "indent", null) is null ? null : Math.Max(0, call.Integer(1, "indent", 0));
        (string comma, string colon) = call.Value(2, "separators", null) switch
        {
            null => (indent is null ? ", " : ",", ": "),
            List<object?> { Count: 2 } pair when pair[0] is string item && pair[1] is string key => (item, key),
            _ => throw call.Bad("needs two strings as 'separators'"),
        };
        var style = new Style(indent, comma, colon, JinjaValues.Truth(call.Value(0, "ensure_ascii", false)), JinjaValues.Truth(call.Value(3, "sort_keys", false)));
        var result = new StringBuilder();
        Append(value, result, 0, style, call);
        return result.ToString();
    }

    private sealed record Style(long? Indent, string Comma, string Colon, bool Ascii, bool Sorts);

    private static void Append(object? value, StringBuilder result, int depth, Style style, JinjaCallArguments call)
    {
        call.Run.Step(call.Line);
        int before = result.Length;
        switch (value)
        {
            case null: result.Append("null"); break;
            case bool flag: result.Append(flag ? "true" : "false"); break;
            case string text: Quote(text, result, style.Ascii); break;
            case long or double: result.Append(JinjaValues.Text(value) switch { "nan" => "NaN", "inf" => "Infinity", "-inf" => "-Infinity", string text => text }); break;
            case List<object?> list and not JinjaRange:
                Group(list, '[', ']', item => Append(item, result, depth + 1, style, call));
                return;
            case Dictionary<string, object?> map:
                IEnumerable<KeyValuePair<string, object?>> members = style.Sorts ? map.OrderBy(m => m.Key, Comparer<string>.Create(PythonText.Compare)) : map;
                Group(members.ToList(), '{', '}', member =>
                {
                    Quote(member.Key, result, style.Ascii);
                    result.Append(style.Colon);
                    Append(member.Value, result, depth + 1, style, call);
                });
                return;
            default:
                throw call.Bad($"cannot write {JinjaValues.Kind(value)}");
        }
        call.Run.Make(call.Line, result.Length - before);

        void Group<T>(List<T> items, char open, char close, Action<T> append)
        {
            result.Append(open);
            for (int i = 0; i < items.Count; i++)
            {
                if (i > 0) result.Append(style.Comma);
                Break(depth + 1);
                append(items[i]);
            }
            if (items.Count > 0) Break(depth);
            result.Append(close);
        }

        void Break(int levels)
        {
            if (style.Indent is not long width) return;
            call.Run.Make(call.Line, Math.Min(width, 1L << 40) * levels + 1);
            result.Append('\n').Append(' ', (int)width * levels);
        }
    }

    private static void Quote(string text, StringBuilder result, bool ascii)
    {
        result.Append('"');
        foreach (char c in text)
        {
            string? escape = c switch { '"' => "\\\"", '\\' => "\\\\", '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", '\b' => "\\b", '\f' => "\\f", _ => null };
            if (escape is not null) result.Append(escape);
            else if (c < 32 || (ascii && c > 126)) result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else result.Append(c);
        }
        result.Append('"');
    }
}
