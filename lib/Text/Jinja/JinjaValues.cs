using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>
/// What Python does with values: truth, text, equality, order. A value is null (None), bool, long, double, string,
/// <see cref="List{T}"/> (a list, <see cref="JinjaTuple"/> or <see cref="JinjaRange"/>), Dictionary with string keys, <see cref="JinjaView"/>,
/// <see cref="JinjaGenerator"/>, <see cref="JinjaUndefined"/>, <see cref="JinjaNamespace"/> or <see cref="JinjaFunction"/>.
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
        JinjaView view => view.Items.Count > 0,
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
            case double number: return PythonNumbers.Write(number);
            case string text: return Quoted(text);
            case JinjaRange range: return range.ToString();
            case JinjaView view: return $"{view.Name}({Written(view.Items)})";
            case JinjaTuple tuple: return $"({string.Join(", ", tuple.Select(Written))}{(tuple.Count == 1 ? "," : "")})";
            case List<object?> list: return $"[{string.Join(", ", list.Select(Written))}]";
            case Dictionary<string, object?> map: return $"{{{string.Join(", ", map.Select(m => $"{Quoted(m.Key)}: {Written(m.Value)}"))}}}";
            case JinjaUndefined: return "Undefined";
            default: throw new LabException($"{Kind(value)} has no text: a template cannot print it; write '| list' behind what gives several items.");
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
        JinjaView => "a view of a mapping",
        JinjaGenerator => "a generator",
        _ => "an object",
    };

    public static new bool Equals(object? left, object? right)
    {
        if (IsNumber(left) && IsNumber(right)) return CompareNumbers(left, right) == 0;
        return (left, right) switch
        {
            (null, null) => true,
            (string a, string b) => string.Equals(a, b, StringComparison.Ordinal),
            (List<object?> a, List<object?> b) => SameKind(a, b) && a.Count == b.Count && a.Zip(b).All(p => Equals(p.First, p.Second)),
            (Dictionary<string, object?> a, Dictionary<string, object?> b) =>
                a.Count == b.Count && a.All(m => b.TryGetValue(m.Key, out object? other) && Equals(m.Value, other)),
            (JinjaUndefined, JinjaUndefined) => true,
            _ => left is not null && ReferenceEquals(left, right),
        };
    }

    /// <summary>Negative, zero or positive; null when the two cannot be ordered (NaN with anything).</summary>
    public static int? Compare(object? left, object? right)
    {
        switch (left, right)
        {
            case (string a, string b):
                return PythonText.Compare(a, b);
            case (List<object?> a, List<object?> b) when SameKind(a, b) && a is not JinjaRange:
                for (int i = 0; i < a.Count && i < b.Count; i++)
                    if (!Equals(a[i], b[i])) return Compare(a[i], b[i]);
                return a.Count - b.Count;
            default:
                return IsNumber(left) && IsNumber(right) ? CompareNumbers(left, right) : null;
        }
    }

    /// <summary>Whether two values stand in an order; null when they have none. NaN stands in none, which is false.</summary>
    public static bool? Ordered(string sign, object? left, object? right)
    {
        if (IsNumber(left) && IsNumber(right) && (IsNan(left) || IsNan(right))) return false;
        return Compare(left, right) is int order ? sign switch { "<" => order < 0, ">" => order > 0, "<=" => order <= 0, _ => order >= 0 } : null;
    }

    public static bool IsNan(object? value) => value is double.NaN;

    /// <summary>Whether both are lists, or tuples, or ranges.</summary>
    public static bool SameKind(List<object?> left, List<object?> right) => left.GetType() == right.GetType();

    /// <summary>Two lists, or two tuples, one behind the other.</summary>
    public static List<object?> Joined(List<object?> left, List<object?> right) => left is JinjaTuple ? new JinjaTuple(left.Concat(right)) : [.. left, .. right];

    // Exact where one is a float and the other a whole number beyond 2^53.
    private static int? CompareNumbers(object? left, object? right)
    {
        if (IsNan(left) || IsNan(right)) return null;
        if (left is double && right is double || left is not double && right is not double)
            return left is double ? Double(left).CompareTo(Double(right)) : Long(left).CompareTo(Long(right));
        if (left is double) return -CompareNumbers(right, left);
        double real = (double)right!;
        if (Math.Abs(real) >= 9.3e18) return real > 0 ? -1 : 1;
        int whole = ((Int128)Long(left)).CompareTo((Int128)Math.Floor(real));
        return whole != 0 || real == Math.Floor(real) ? whole : -1;
    }

    public static bool IsNumber(object? value) => value is long or double or bool;

    public static double Double(object? value) => value switch { long n => n, bool b => b ? 1 : 0, double d => d, _ => double.NaN };

    public static long Long(object? value) => value switch { long n => n, bool b => b ? 1 : 0, _ => 0 };

    public static bool IsIterable(object? value) => value is JinjaGenerator || Items(value) is not null;

    /// <summary>The items a loop sees; null when the value cannot be looped over. A generator gives them once.</summary>
    public static List<object?>? Items(object? value) => value switch
    {
        List<object?> list => list,
        JinjaView view => view.Items,
        JinjaGenerator generator => generator.TakeAll(),
        Dictionary<string, object?> map => map.Keys.Cast<object?>().ToList(),
        string text => text.EnumerateRunes().Select(r => (object?)r.ToString()).ToList(),
        JinjaUndefined => [],
        _ => null,
    };

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
            else if (PythonText.IsPrintable(rune)) result.Append(rune);
            else result.Append(c < 0x100 ? $"\\x{c:x2}" : c < 0x10000 ? $"\\u{c:x4}" : $"\\U{c:x8}");
        }
        return result.Append(quote).ToString();
    }
}
