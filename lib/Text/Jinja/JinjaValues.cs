using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>
/// What Python does with values: truth, text, equality, order. A value is null (None), bool, long, double, string,
/// <see cref="List{T}"/>, Dictionary with string keys, <see cref="JinjaUndefined"/>, <see cref="JinjaNamespace"/> or
/// <see cref="JinjaFunction"/>.
/// </summary>
internal static class JinjaValues
{
    public static bool Truth(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        List<object?> list => list.Count > 0,
        Dictionary<string, object?> map => map.Count > 0,
        _ => true,
    };

    /// <summary>The value as str() writes it.</summary>
    public static string Text(object? value) => value switch
    {
        string text => text,
        JinjaUndefined => "",
        _ => Written(value),
    };

    /// <summary>The value as repr() writes it.</summary>
    public static string Written(object? value)
    {
        switch (value)
        {
            case null: return "None";
            case bool flag: return flag ? "True" : "False";
            case long number: return number.ToString(CultureInfo.InvariantCulture);
            case double number: return Real(number);
            case string text: return Quoted(text);
            case JinjaTuple tuple: return $"({string.Join(", ", tuple.Select(Written))}{(tuple.Count == 1 ? "," : "")})";
            case List<object?> list: return $"[{string.Join(", ", list.Select(Written))}]";
            case Dictionary<string, object?> map: return $"{{{string.Join(", ", map.Select(m => $"{Quoted(m.Key)}: {Written(m.Value)}"))}}}";
            case JinjaUndefined: return "Undefined";
            default: return "<object>";
        }
    }

    public static string Kind(object? value) => value switch
    {
        null => "none",
        bool => "a boolean",
        long or double => "a number",
        string => "a string",
        List<object?> => "a list",
        Dictionary<string, object?> => "a mapping",
        JinjaUndefined missing => $"'{missing.Name}', which is undefined",
        JinjaFunction => "a function",
        _ => "an object",
    };

    public static new bool Equals(object? left, object? right)
    {
        if (IsNumber(left) && IsNumber(right))
            return left is double || right is double ? Double(left) == Double(right) : Long(left) == Long(right);
        return (left, right) switch
        {
            (null, null) => true,
            (string a, string b) => string.Equals(a, b, StringComparison.Ordinal),
            (List<object?> a, List<object?> b) => (a is JinjaTuple) == (b is JinjaTuple) && a.Count == b.Count && a.Zip(b).All(p => Equals(p.First, p.Second)),
            (Dictionary<string, object?> a, Dictionary<string, object?> b) =>
                a.Count == b.Count && a.All(m => b.TryGetValue(m.Key, out object? other) && Equals(m.Value, other)),
            (JinjaUndefined, JinjaUndefined) => true,
            _ => left is not null && ReferenceEquals(left, right),
        };
    }

    /// <summary>Negative, zero or positive; null when the two cannot be ordered.</summary>
    public static int? Compare(object? left, object? right) => (left, right) switch
    {
        (string a, string b) => string.CompareOrdinal(a, b),
        _ when IsNumber(left) && IsNumber(right) =>
            left is double || right is double ? Double(left).CompareTo(Double(right)) : Long(left).CompareTo(Long(right)),
        _ => null,
    };

    public static bool IsNumber(object? value) => value is long or double or bool;

    public static double Double(object? value) => value switch { long n => n, bool b => b ? 1 : 0, double d => d, _ => double.NaN };

    public static long Long(object? value) => value switch { long n => n, bool b => b ? 1 : 0, _ => 0 };

    /// <summary>The items a loop sees; null when the value cannot be looped over.</summary>
    public static List<object?>? Items(object? value) => value switch
    {
        List<object?> list => list,
        Dictionary<string, object?> map => map.Keys.Cast<object?>().ToList(),
        string text => text.EnumerateRunes().Select(r => (object?)r.ToString()).ToList(),
        JinjaUndefined => [],
        _ => null,
    };

    private static string Real(double number)
    {
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        if (Math.Abs(number) is >= 1e15 and < 1e16) return number.ToString("F1", CultureInfo.InvariantCulture);
        string text = number.ToString("R", CultureInfo.InvariantCulture).Replace('E', 'e');
        return text.Contains('.') || text.Contains('e') ? text : text + ".0";
    }

    private static string Quoted(string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var result = new StringBuilder().Append(quote);
        foreach (Rune rune in text.EnumerateRunes())
        {
            int c = rune.Value;
            if (c == quote || c == '\\') result.Append('\\').Append((char)c);
            else if (c == '\n') result.Append("\\n");
            else if (c == '\r') result.Append("\\r");
            else if (c == '\t') result.Append("\\t");
            else if (c < 32 || c is >= 127 and < 161 or 173) result.Append(CultureInfo.InvariantCulture, $"\\x{c:x2}");
            else result.Append(rune);
        }
        return result.Append(quote).ToString();
    }
}
