using System.Collections;
using System.Globalization;
using System.Text;

namespace Plotly.NET;

/// <summary>
/// Writes values as JSON the way the package's serialiser does: no white space, doubles always with a fraction or exponent,
/// not-a-number as the text "NaN", only quotes, backslashes and control characters escaped.
/// </summary>
internal static class JsonText
{
    public static string Write(object? value)
    {
        var text = new StringBuilder();
        Append(text, value);
        return text.ToString();
    }

    private static void Append(StringBuilder text, object? value)
    {
        switch (value)
        {
            case null: text.Append("null"); break;
            case string words: AppendString(text, words); break;
            case bool truth: text.Append(truth ? "true" : "false"); break;
            case double number: AppendReal(text, number, number.ToString("R", CultureInfo.InvariantCulture)); break;
            case float number: AppendReal(text, number, number.ToString("R", CultureInfo.InvariantCulture)); break;
            case sbyte or byte or short or ushort or int or uint or long or ulong:
                text.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                break;
            case DynamicObj.DynamicObj thing: AppendObject(text, thing.Members()); break;
            case IEnumerable<KeyValuePair<string, object?>> members: AppendObject(text, members); break;
            case IEnumerable items: AppendArray(text, items); break;
            default: throw new NotSupportedException($"A chart cannot hold a {value.GetType()}: use numbers, texts, truth values, arrays and string-keyed dictionaries.");
        }
    }

    private static void AppendObject(StringBuilder text, IEnumerable<KeyValuePair<string, object?>> members)
    {
        var separator = '{';
        foreach (var (name, value) in members)
        {
            text.Append(separator);
            AppendString(text, name);
            text.Append(':');
            Append(text, value);
            separator = ',';
        }
        text.Append(separator == '{' ? "{}" : "}");
    }

    private static void AppendArray(StringBuilder text, IEnumerable items)
    {
        if (items is Array { Rank: 2 } grid) items = Rows(grid);
        var separator = '[';
        foreach (var item in items)
        {
            text.Append(separator);
            Append(text, item);
            separator = ',';
        }
        text.Append(separator == '[' ? "[]" : "]");
    }

    private static IEnumerable<object?[]> Rows(Array grid)
    {
        for (var row = 0; row < grid.GetLength(0); row++)
            yield return [.. Enumerable.Range(0, grid.GetLength(1)).Select(column => grid.GetValue(row, column))];
    }

    private static void AppendReal(StringBuilder text, double number, string shortest)
    {
        if (!double.IsFinite(number)) text.Append('"').Append(shortest).Append('"');
        else if (shortest.AsSpan().ContainsAny('.', 'E')) text.Append(shortest);
        else text.Append(shortest).Append(".0");
    }

    private static void AppendString(StringBuilder text, string words)
    {
        text.Append('"');
        foreach (var letter in words)
        {
            switch (letter)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\b': text.Append("\\b"); break;
                case '\f': text.Append("\\f"); break;
                case < ' ' or '\u0085' or '\u2028' or '\u2029': text.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture)); break;
                default: text.Append(letter); break;
            }
        }
        text.Append('"');
    }
}
