using System.Globalization;
using System.Text;

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
        string text => (object?)TextMethod(text, name) ?? new JinjaUndefined(name),
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
        "items" => call => Pairs(map),
        "keys" => call => map.Keys.Cast<object?>().ToList(),
        "values" => call => map.Values.ToList(),
        "get" => call => call.Needed(0, "key") is string key && map.TryGetValue(key, out object? value) ? value : call.Value(1, "default", null),
        _ => null,
    };

    /// <summary>The members of a mapping as pairs.</summary>
    public static List<object?> Pairs(Dictionary<string, object?> map) => map.Select(m => (object?)new JinjaTuple([m.Key, m.Value])).ToList();

    private static JinjaFunction? ListMethod(List<object?> list, string name) => name switch
    {
        "index" => call => list.FindIndex(i => JinjaValues.Equals(i, call.Needed(0, "value"))) is >= 0 and var at ? (object)(long)at : throw call.Bad("does not find its value"),
        "count" => call => (long)list.Count(i => JinjaValues.Equals(i, call.Needed(0, "value"))),
        "append" or "extend" or "insert" or "pop" or "remove" or "clear" or "sort" or "reverse" => call => throw call.Bad("would change a list, which templates may not"),
        _ => null,
    };

    private static JinjaFunction? TextMethod(string text, string name) => name switch
    {
        "strip" => call => Strip(text, call, true, true),
        "lstrip" => call => Strip(text, call, true, false),
        "rstrip" => call => Strip(text, call, false, true),
        "startswith" => call => Any(call, "prefix", p => text.StartsWith(p, StringComparison.Ordinal)),
        "endswith" => call => Any(call, "suffix", s => text.EndsWith(s, StringComparison.Ordinal)),
        "removeprefix" => call => text.StartsWith(call.Text(0, "prefix"), StringComparison.Ordinal) ? text[call.Text(0, "prefix").Length..] : text,
        "removesuffix" => call => text.EndsWith(call.Text(0, "suffix"), StringComparison.Ordinal) ? text[..^call.Text(0, "suffix").Length] : text,
        "split" => call => Split(text, call, false),
        "rsplit" => call => Split(text, call, true),
        "splitlines" => call => Lines(text),
        "upper" => _ => text.ToUpperInvariant(),
        "lower" => _ => text.ToLowerInvariant(),
        "capitalize" => _ => Capitalized(text),
        "title" => _ => Titled(text),
        "replace" => call => JinjaFilters.Replace(call, text, call.Text(0, "old"), call.Text(1, "new"), call.Integer(2, "count", -1)),
        "join" => call => JinjaFilters.Join(call, call.Needed(0, "iterable"), text),
        "find" => call => (long)text.IndexOf(call.Text(0, "sub"), StringComparison.Ordinal),
        "count" => call => call.Text(0, "sub") is { Length: > 0 } part ? (long)(text.Split(part).Length - 1) : text.Length + 1L,
        "isdigit" => _ => text.Length > 0 && text.All(char.IsDigit),
        "isalpha" => _ => text.Length > 0 && text.All(char.IsLetter),
        "isspace" => _ => text.Length > 0 && text.All(char.IsWhiteSpace),
        "isupper" => _ => text.Any(char.IsUpper) && !text.Any(char.IsLower),
        "islower" => _ => text.Any(char.IsLower) && !text.Any(char.IsUpper),
        _ => null,
    };

    /// <summary>First letter upper case, the rest lower.</summary>
    public static string Capitalized(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    /// <summary>First letter of every word upper case, the rest lower.</summary>
    public static string Titled(string text)
    {
        var result = new StringBuilder(text.Length);
        bool inside = false;
        foreach (char c in text)
        {
            result.Append(inside ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));
            inside = char.IsLetter(c);
        }
        return result.ToString();
    }

    private static string Strip(string text, JinjaCallArguments call, bool left, bool right)
    {
        char[]? chars = call.Value(0, "chars", null) is null ? null : call.Text(0, "chars").ToCharArray();
        if (chars is { Length: 0 }) return text;
        if (left) text = text.TrimStart(chars);
        return right ? text.TrimEnd(chars) : text;
    }

    private static bool Any(JinjaCallArguments call, string name, Func<string, bool> holds) => call.Needed(0, name) is List<object?> several
        ? several.Exists(one => one is string text && holds(text))
        : holds(call.Text(0, name));

    private static List<object?> Split(string text, JinjaCallArguments call, bool fromRight)
    {
        long most = call.Integer(1, "maxsplit", -1);
        int parts = most < 0 || most >= int.MaxValue ? int.MaxValue : (int)most + 1;
        call.Run.Make(call.Line, text.Length);
        if (call.Value(0, "sep", null) is null)
        {
            if (fromRight || most >= 0) throw call.Bad("at white space with a limit is not supported");
            return text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Cast<object?>().ToList();
        }
        string separator = call.Text(0, "sep");
        if (separator.Length == 0) throw call.Bad("has an empty separator");
        if (!fromRight) return text.Split(separator, parts).Cast<object?>().ToList();
        var pieces = new List<object?>();
        for (int at; pieces.Count < parts - 1 && (at = text.LastIndexOf(separator, StringComparison.Ordinal)) >= 0; text = text[..at])
            pieces.Insert(0, text[(at + separator.Length)..]);
        pieces.Insert(0, text);
        return pieces;
    }

    private static List<object?> Lines(string text)
    {
        List<object?> lines = text.Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n', '\r').Cast<object?>().ToList();
        if (lines[^1] is "") lines.RemoveAt(lines.Count - 1);
        return lines;
    }
}
