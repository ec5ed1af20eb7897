using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>The filter tojson: Python's json.dumps without ASCII escapes, as chat templates are rendered with.</summary>
internal static class JinjaJson
{
    public static string Write(object? value, JinjaCallArguments call)
    {
        call.Allow(0, "indent", "ensure_ascii", "sort_keys", "separators");
        if (call.Names.ContainsKey("separators")) throw call.Bad("with 'separators' is not supported");
        if (JinjaValues.Truth(call.Value(0, "ensure_ascii", false))) throw call.Bad("with 'ensure_ascii' is not supported");
        int? indent = call.Value(0, "indent", null) is null ? null : (int)Math.Clamp(call.Integer(0, "indent", 0), 0, 16);
        var result = new StringBuilder();
        Append(value, result, indent, 0, JinjaValues.Truth(call.Value(0, "sort_keys", false)), call);
        return result.ToString();
    }

    private static void Append(object? value, StringBuilder result, int? indent, int depth, bool sorts, JinjaCallArguments call)
    {
        call.Run.Step(call.Line);
        switch (value)
        {
            case null: result.Append("null"); break;
            case bool flag: result.Append(flag ? "true" : "false"); break;
            case string text: Quote(text, result); break;
            case long or double: result.Append(JinjaValues.Text(value) switch { "nan" => "NaN", "inf" => "Infinity", "-inf" => "-Infinity", string text => text }); break;
            case List<object?> list:
                Group(list, '[', ']', item => Append(item, result, indent, depth + 1, sorts, call));
                break;
            case Dictionary<string, object?> map:
                IEnumerable<KeyValuePair<string, object?>> members = sorts ? map.OrderBy(m => m.Key, StringComparer.Ordinal) : map;
                Group(members.ToList(), '{', '}', member =>
                {
                    Quote(member.Key, result);
                    result.Append(": ");
                    Append(member.Value, result, indent, depth + 1, sorts, call);
                });
                break;
            default:
                throw call.Bad($"cannot write {JinjaValues.Kind(value)}");
        }

        void Group<T>(List<T> items, char open, char close, Action<T> append)
        {
            result.Append(open);
            for (int i = 0; i < items.Count; i++)
            {
                if (i > 0) result.Append(indent is null ? ", " : ",");
                if (indent is int width) result.Append('\n').Append(' ', width * (depth + 1));
                append(items[i]);
            }
            if (indent is int outer && items.Count > 0) result.Append('\n').Append(' ', outer * depth);
            result.Append(close);
        }
    }

    private static void Quote(string text, StringBuilder result)
    {
        result.Append('"');
        foreach (char c in text)
        {
            string? escape = c switch { '"' => "\\\"", '\\' => "\\\\", '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", '\b' => "\\b", '\f' => "\\f", _ => null };
            if (escape is not null) result.Append(escape);
            else if (c < 32) result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else result.Append(c);
        }
        result.Append('"');
    }
}
