using System.Globalization;

namespace HeadKvLab.Text.Jinja;

/// <summary>Jinja's filters on sequences. Like Python's, map, select, reject and unique give a generator: true, without length, and empty after one pass.</summary>
internal static class JinjaSequences
{
    /// <summary>A member of an item by a path such as "function.name" or "0.role"; the item itself without a path.</summary>
    public static object? Member(object? item, object? path, JinjaCallArguments call, object? otherwise = null)
    {
        if (path is null) return item;
        foreach (string name in path is string text ? text.Split('.') : [])
        {
            item = JinjaMembers.Item(call.Run, call.Line, item, long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long at) ? at : name);
            if (otherwise is not null && item is JinjaUndefined) item = otherwise;
        }
        if (path is string) return item;
        item = JinjaMembers.Item(call.Run, call.Line, item, path);
        return otherwise is not null && item is JinjaUndefined ? otherwise : item;
    }

    /// <summary>sort(reverse=false, case_sensitive=false, attribute=none): equal items keep their order either way.</summary>
    public static List<object?> Sort(object? input, JinjaCallArguments call)
    {
        object?[] paths = call.Value(2, "attribute", null) is string several ? several.Split(',') : [call.Value(2, "attribute", null)];
        bool exact = JinjaValues.Truth(call.Value(1, "case_sensitive", false));
        return Ordered(JinjaFilters.Items(input, call), item => paths.Select(path => Folded(Member(item, path, call), exact)).ToList(), JinjaValues.Truth(call.Value(0, "reverse", false)), call);
    }

    /// <summary>dictsort(case_sensitive=false, by="key", reverse=false).</summary>
    public static List<object?> SortMembers(Dictionary<string, object?> map, JinjaCallArguments call)
    {
        int place = call.Text(1, "by", "key") switch { "key" => 0, "value" => 1, var other => throw call.Bad($"sorts by 'key' or 'value', not by '{other}'") };
        bool exact = JinjaValues.Truth(call.Value(0, "case_sensitive", false));
        return Ordered(JinjaMembers.Pairs(map), pair => [Folded(((List<object?>)pair!)[place], exact)], JinjaValues.Truth(call.Value(2, "reverse", false)), call);
    }

    /// <summary>min and max (case_sensitive=false, attribute=none): the first of equals.</summary>
    public static object? Extreme(object? input, JinjaCallArguments call, bool greatest)
    {
        bool exact = JinjaValues.Truth(call.Value(0, "case_sensitive", false)), any = false;
        object? best = null, bestKey = null;
        foreach (object? item in JinjaFilters.Items(input, call))
        {
            object? key = Folded(Member(item, call.Value(1, "attribute", null), call), exact);
            call.Run.Step(call.Line);
            if (any && (greatest ? Compared(key, bestKey, call) <= 0 : Compared(key, bestKey, call) >= 0)) continue;
            (best, bestKey, any) = (item, key, true);
        }
        return any ? best : new JinjaUndefined(greatest ? "the greatest item" : "the least item");
    }

    /// <summary>unique(case_sensitive=false, attribute=none): the first of equals.</summary>
    public static JinjaGenerator Unique(object? input, JinjaCallArguments call)
    {
        bool exact = JinjaValues.Truth(call.Value(0, "case_sensitive", false));
        var (kept, keys) = (new List<object?>(), new List<object?>());
        foreach (object? item in JinjaFilters.Items(input, call))
        {
            object? key = Folded(Member(item, call.Value(1, "attribute", null), call), exact);
            if (key is Dictionary<string, object?> || key?.GetType() == typeof(List<object?>)) throw call.Bad($"cannot compare {JinjaValues.Kind(key)} by value, as Python cannot hash it");
            if (!keys.Exists(known => Equal(known, key, call)))
            {
                kept.Add(item);
                keys.Add(key);
            }
        }
        return new JinjaGenerator(kept);
    }

    /// <summary>sum(attribute=none, start=0).</summary>
    public static object? Sum(object? input, JinjaCallArguments call)
    {
        object? sum = call.Value(1, "start", 0L);
        foreach (object? item in JinjaFilters.Items(input, call))
        {
            object? value = Member(item, call.Value(0, "attribute", null), call);
            call.Run.Step(call.Line);
            if (sum is List<object?> list && value is List<object?> more && JinjaValues.SameKind(list, more)) sum = JinjaValues.Joined(list, more);
            else if (!JinjaValues.IsNumber(sum) || !JinjaValues.IsNumber(value)) throw call.Bad($"cannot add {JinjaValues.Kind(sum)} and {JinjaValues.Kind(value)}");
            else if (sum is double || value is double) sum = JinjaValues.Double(sum) + JinjaValues.Double(value);
            else sum = (Int128)JinjaValues.Long(sum) + JinjaValues.Long(value) is var whole && whole >= long.MinValue && whole <= long.MaxValue ? (long)whole : throw call.Bad("has a result beyond 64 bits");
        }
        return sum;
    }

    /// <summary>map("filter", ...) or map(attribute=..., default=...).</summary>
    public static JinjaGenerator Map(object? input, JinjaCallArguments call)
    {
        if (call.Places.Count == 0 && call.Names.TryGetValue("attribute", out object? path))
        {
            call.Allow(0, "attribute", "default");
            return new JinjaGenerator(ItemsOrNone(input, call).ConvertAll(item => Member(item, path, call, call.Value(1, "default", null))));
        }
        string filter = call.Text(0, "filter");
        var inner = new JinjaCallArguments(call.Run, call.Line, filter, call.Places.Skip(1).ToArray(), call.Names);
        return new JinjaGenerator(ItemsOrNone(input, call).ConvertAll(item =>
        {
            call.Run.Step(call.Line);
            return JinjaFilters.Apply(filter, item, inner);
        }));
    }

    /// <summary>select, reject, selectattr, rejectattr: by a test, or by truth.</summary>
    public static JinjaGenerator Selected(object? input, JinjaCallArguments call, object? attribute, bool wanted, int testAt)
    {
        string? test = call.Places.Count > testAt ? call.Text(testAt, "test") : null;
        if (test is null) call.Allow(testAt, "attribute");
        test = test switch { "==" => "eq", "!=" => "ne", "<" => "lt", "<=" => "le", ">" => "gt", ">=" => "ge", _ => test };
        var inner = new JinjaCallArguments(call.Run, call.Line, test ?? "select", call.Places.Skip(testAt + 1).ToArray(), call.Names);
        return new JinjaGenerator(ItemsOrNone(input, call).FindAll(item =>
        {
            call.Run.Step(call.Line);
            object? value = Member(item, attribute, call);
            return (test is null ? JinjaValues.Truth(value) : JinjaTests.Holds(test, value, inner)) == wanted;
        }));
    }

    // What counts as false has no items: Jinja does not look into it.
    private static List<object?> ItemsOrNone(object? input, JinjaCallArguments call) => JinjaValues.Truth(input) ? JinjaFilters.Items(input, call) : [];

    private static List<object?> Ordered(List<object?> items, Func<object?, List<object?>> key, bool reverse, JinjaCallArguments call)
    {
        var order = Comparer<List<object?>>.Create((a, b) => Compared(a, b, call));
        List<(object? Item, List<object?> Key)> keyed = items.ConvertAll(item => (item, key(item)));
        try
        {
            return (reverse ? keyed.OrderByDescending(k => k.Key, order) : keyed.OrderBy(k => k.Key, order)).Select(k => k.Item).ToList();
        }
        catch (InvalidOperationException error) when (error.InnerException is LabException unordered)
        {
            throw new LabException(unordered.Message, error);
        }
    }

    private static int Compared(object? left, object? right, JinjaCallArguments call)
    {
        call.Run.Step(call.Line);
        return JinjaValues.Compare(left, right) ?? throw call.Bad($"cannot compare {JinjaValues.Kind(left)} and {JinjaValues.Kind(right)}");
    }

    private static bool Equal(object? left, object? right, JinjaCallArguments call)
    {
        call.Run.Step(call.Line);
        return JinjaValues.Equals(left, right);
    }

    private static object? Folded(object? key, bool exact) => !exact && key is string text ? PythonCase.Lower(text) : key;
}
