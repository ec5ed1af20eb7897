using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>Jinja's filters, as far as chat templates use them.</summary>
internal static class JinjaFilters
{
    /// <summary>Applies a filter; refuses an unknown one by name.</summary>
    public static object? Apply(string name, object? input, JinjaCallArguments call) => name switch
    {
        "trim" => call.Value(0, "chars", null) is null ? JinjaValues.Text(input).Trim() : JinjaValues.Text(input).Trim(call.Text(0, "chars").ToCharArray()),
        "upper" => JinjaValues.Text(input).ToUpperInvariant(),
        "lower" => JinjaValues.Text(input).ToLowerInvariant(),
        "capitalize" => JinjaMembers.Capitalized(JinjaValues.Text(input)),
        "title" => JinjaMembers.Titled(JinjaValues.Text(input)),
        "string" or "safe" => JinjaValues.Text(input),
        "length" or "count" => (long)Items(input, call).Count,
        "list" => Items(input, call).ToList(),
        "first" => Items(input, call) is { Count: > 0 } items ? items[0] : new JinjaUndefined("the first item"),
        "last" => Items(input, call) is { Count: > 0 } items ? items[^1] : new JinjaUndefined("the last item"),
        "reverse" => input is string text ? string.Concat(Enumerable.Reverse(Items(text, call))) : Enumerable.Reverse(Items(input, call)).ToList(),
        "join" => Join(call, input, call.Value(0, "d", "") is string glue ? glue : throw call.Bad("needs a string between"), call.Allow(2, "d", "attribute").Value(1, "attribute", null)),
        "default" or "d" => input is JinjaUndefined || (JinjaValues.Truth(call.Value(1, "boolean", false)) && !JinjaValues.Truth(input)) ? call.Value(0, "default_value", "") : input,
        "replace" => Replace(call, JinjaValues.Text(input), JinjaValues.Text(call.Needed(0, "old")), JinjaValues.Text(call.Needed(1, "new")), call.Value(2, "count", null) is null ? -1 : call.Integer(2, "count", -1)),
        "items" => input is Dictionary<string, object?> map ? JinjaMembers.Pairs(map) : input is JinjaUndefined ? new List<object?>() : throw call.Bad($"needs a mapping, not {JinjaValues.Kind(input)}"),
        "dictsort" => input is Dictionary<string, object?> map ? JinjaMembers.Pairs(map).OrderBy(p => (string)((List<object?>)p!)[0]!, StringComparer.OrdinalIgnoreCase).ToList() : throw call.Bad($"needs a mapping, not {JinjaValues.Kind(input)}"),
        "int" => Integer(input, call.Integer(0, "default", 0)),
        "float" => Real(input),
        "abs" => input is double number ? Math.Abs(number) : input is long whole ? (object)Math.Abs(whole) : throw call.Bad($"needs a number, not {JinjaValues.Kind(input)}"),
        "round" => Math.Round(JinjaValues.Double(input), (int)Math.Clamp(call.Allow(1, "precision").Integer(0, "precision", 0), 0, 15), MidpointRounding.ToEven),
        "sum" => Items(input, call).Aggregate((object)0L, (sum, item) => sum is long a && item is long b ? (object)unchecked(a + b) : JinjaValues.Double(sum) + JinjaValues.Double(item)),
        "min" => Sorted(input, call).FirstOrDefault(new JinjaUndefined("the least item")),
        "max" => Sorted(input, call).LastOrDefault(new JinjaUndefined("the greatest item")),
        "sort" => Sort(input, call),
        "unique" => Items(input, call).Aggregate(new List<object?>(), (kept, item) =>
        {
            if (!kept.Exists(k => JinjaValues.Equals(k, item))) kept.Add(item);
            call.Run.Step(call.Line);
            return kept;
        }),
        "map" => Map(input, call),
        "select" => Selected(input, call, null, true, 0),
        "reject" => Selected(input, call, null, false, 0),
        "selectattr" => Selected(input, call, call.Text(0, "attribute"), true, 1),
        "rejectattr" => Selected(input, call, call.Text(0, "attribute"), false, 1),
        "indent" => Indent(JinjaValues.Text(input), call),
        "tojson" => Counted(call, JinjaJson.Write(input, call)),
        _ => throw call.Run.Bad(call.Line, $"the filter '{name}' is not supported"),
    };

    /// <summary>Joins the texts of items.</summary>
    public static string Join(JinjaCallArguments call, object? input, string glue, object? attribute = null)
    {
        var result = new StringBuilder();
        List<object?> items = Items(input, call);
        for (int i = 0; i < items.Count; i++)
        {
            object? item = attribute is string name ? Member(items[i], name, call) : items[i];
            string text = JinjaValues.Text(item);
            call.Run.Make(call.Line, text.Length + (i > 0 ? glue.Length : 0));
            if (i > 0) result.Append(glue);
            result.Append(text);
        }
        return result.ToString();
    }

    /// <summary>Python's str.replace; a negative count replaces all.</summary>
    public static string Replace(JinjaCallArguments call, string text, string old, string with, long count)
    {
        if (old.Length == 0) throw call.Bad("has an empty string to look for");
        string[] parts = text.Split(old, count < 0 || count >= int.MaxValue ? int.MaxValue : (int)count + 1);
        call.Run.Make(call.Line, text.Length + (long)(parts.Length - 1) * with.Length);
        return string.Join(with, parts);
    }

    private static List<object?> Items(object? input, JinjaCallArguments call) =>
        JinjaValues.Items(input) ?? throw call.Bad($"needs something to loop over, not {JinjaValues.Kind(input)}");

    private static string Counted(JinjaCallArguments call, string text)
    {
        call.Run.Make(call.Line, text.Length);
        return text;
    }

    private static object? Member(object? item, string path, JinjaCallArguments call)
    {
        foreach (string name in path.Split('.')) item = JinjaMembers.Item(call.Run, call.Line, item, long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long at) ? at : name);
        return item;
    }

    private static object Integer(object? input, long otherwise) => input switch
    {
        long number => number,
        bool flag => flag ? 1L : 0L,
        double number when Math.Abs(number) < 9e18 => (long)number,
        string text when long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) => number,
        string text when double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double real) && Math.Abs(real) < 9e18 => (long)real,
        _ => otherwise,
    };

    private static object Real(object? input) => JinjaValues.IsNumber(input) ? JinjaValues.Double(input)
        : input is string text && double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : 0.0;

    private static List<object?> Sorted(object? input, JinjaCallArguments call, string? attribute = null)
    {
        object? Key(object? item) => attribute is null ? item : Member(item, attribute, call);
        return Items(input, call).Order(Comparer<object?>.Create((a, b) =>
        {
            (object? left, object? right) = (Key(a), Key(b));
            call.Run.Step(call.Line);
            if (left is string one && right is string two) return string.CompareOrdinal(one.ToLowerInvariant(), two.ToLowerInvariant());
            return JinjaValues.Compare(left, right) ?? throw call.Bad($"cannot compare {JinjaValues.Kind(left)} and {JinjaValues.Kind(right)}");
        })).ToList();
    }

    private static List<object?> Sort(object? input, JinjaCallArguments call)
    {
        call.Allow(1, "reverse", "attribute");
        List<object?> sorted = Sorted(input, call, call.Value(3, "attribute", null) as string);
        if (JinjaValues.Truth(call.Value(0, "reverse", false))) sorted.Reverse();
        return sorted;
    }

    private static List<object?> Map(object? input, JinjaCallArguments call)
    {
        if (call.Names.TryGetValue("attribute", out object? path))
        {
            call.Allow(0, "attribute", "default");
            return Items(input, call).ConvertAll(item => Member(item, JinjaValues.Text(path), call) is var value && value is JinjaUndefined && call.Names.TryGetValue("default", out object? other) ? other : value);
        }
        string filter = call.Text(0, "filter");
        var inner = new JinjaCallArguments(call.Run, call.Line, filter, call.Places.Skip(1).ToArray(), call.Names);
        return Items(input, call).ConvertAll(item =>
        {
            call.Run.Step(call.Line);
            return Apply(filter, item, inner);
        });
    }

    private static List<object?> Selected(object? input, JinjaCallArguments call, string? attribute, bool wanted, int testAt)
    {
        string? test = call.Places.Count > testAt ? call.Text(testAt, "test") : null;
        test = test switch { "==" => "eq", "!=" => "ne", "<" => "lt", "<=" => "le", ">" => "gt", ">=" => "ge", _ => test };
        var inner = new JinjaCallArguments(call.Run, call.Line, test ?? "select", call.Places.Skip(testAt + 1).ToArray(), call.Names);
        return Items(input, call).FindAll(item =>
        {
            call.Run.Step(call.Line);
            object? value = attribute is null ? item : Member(item, attribute, call);
            return (test is null ? JinjaValues.Truth(value) : JinjaTests.Holds(test, value, inner)) == wanted;
        });
    }

    private static string Indent(string text, JinjaCallArguments call)
    {
        call.Allow(3, "width", "first", "blank");
        object? width = call.Value(0, "width", 4L);
        bool first = JinjaValues.Truth(call.Value(1, "first", false)), blank = JinjaValues.Truth(call.Value(2, "blank", false));
        string prefix = width as string ?? new string(' ', (int)Math.Clamp(JinjaValues.Long(width), 0, 200));
        string[] lines = text.Split('\n');
        call.Run.Make(call.Line, text.Length + (long)lines.Length * prefix.Length);
        return string.Join('\n', lines.Select((line, i) => (i == 0 ? first : blank || line.Length > 0) ? prefix + line : line));
    }
}
