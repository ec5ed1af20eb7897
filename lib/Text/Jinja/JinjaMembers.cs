namespace HeadKvLab.Text.Jinja;

/// <summary>Members of values: keys of mappings, items of lists, and the methods of Python's str, dict and list that only read.</summary>
internal static class JinjaMembers
{
    /// <summary>owner.name: a method first, then a key.</summary>
    public static object? Attribute(JinjaRun run, int line, object? owner, string name) => owner switch
    {
        JinjaUndefined missing => throw run.Bad(line, $"'{missing.Name}' is undefined, so it has no member '{name}'"),
        JinjaNamespace space => space.Members.TryGetValue(name, out object? value) ? value : new JinjaUndefined(name),
        Dictionary<string, object?> map => MapMethod(map, name) ?? Key(map, name),
        string text => (object?)JinjaTextMethods.Find(text, name) ?? new JinjaUndefined(name),
        List<object?> list => (object?)ListMethod(list, name) ?? new JinjaUndefined(name),
        _ => new JinjaUndefined(name),
    };

    /// <summary>owner[key]: a key first, then a method.</summary>
    public static object? Item(JinjaRun run, int line, object? owner, object? key)
    {
        switch (owner, key)
        {
            case (JinjaUndefined missing, _):
                throw run.Bad(line, $"'{missing.Name}' is undefined, so it has no item {JinjaValues.Written(key)}");
            case (Dictionary<string, object?> map, string name) when map.TryGetValue(name, out object? value):
                return value;
            case (string or List<object?>, long at):
                if (owner is string text && !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
                    return at + text.Length is var place && (at < 0 ? place : at) is var index && index >= 0 && index < text.Length ? text[(int)index].ToString() : new JinjaUndefined("an item of a string");
                List<object?> items = JinjaValues.Items(owner)!;
                if (at < 0) at += items.Count;
                return at >= 0 && at < items.Count ? items[(int)at] : new JinjaUndefined("an item of a list");
            case (_, string name):
                return Attribute(run, line, owner, name);
            default:
                return new JinjaUndefined(JinjaValues.Text(key));
        }
    }

    private static object? Key(Dictionary<string, object?> map, string name) => map.TryGetValue(name, out object? value) ? value : new JinjaUndefined(name);

    private static JinjaFunction? MapMethod(Dictionary<string, object?> map, string name) => name switch
    {
        "items" => call => View(call, "dict_items", Pairs(map)),
        "keys" => call => View(call, "dict_keys", map.Keys),
        "values" => call => View(call, "dict_values", map.Values),
        "get" => call => call.Allow(2).Needed(0, "key") is string key && map.TryGetValue(key, out object? value) ? value : call.Value(1, "default", null),
        "pop" or "popitem" or "update" or "clear" or "setdefault" => call => throw call.Bad("would change a mapping, which templates may not"),
        _ => null,
    };

    /// <summary>The members of a mapping as pairs.</summary>
    public static List<object?> Pairs(Dictionary<string, object?> map) => map.Select(m => (object?)new JinjaTuple([m.Key, m.Value])).ToList();

    private static JinjaView View(JinjaCallArguments call, string name, IEnumerable<object?> items)
    {
        call.Allow(0);
        return new JinjaView(name, items.ToList());
    }

    private static JinjaFunction? ListMethod(List<object?> list, string name) => name switch
    {
        "index" => call => list.FindIndex(i => JinjaValues.Equals(i, call.Allow(1).Needed(0, "value"))) is >= 0 and var at ? (object)(long)at : throw call.Bad("does not find its value"),
        "count" => call => (long)list.Count(i => JinjaValues.Equals(i, call.Allow(1).Needed(0, "value"))),
        "append" or "extend" or "insert" or "pop" or "remove" or "clear" or "sort" or "reverse" when list is not JinjaTuple and not JinjaRange => call => throw call.Bad("would change a list, which templates may not"),
        _ => null,
    };
}
