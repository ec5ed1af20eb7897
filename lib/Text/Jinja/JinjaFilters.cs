using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>Jinja's filters, as far as chat templates use them.</summary>
internal static class JinjaFilters
{
    /// <summary>Every filter with the names of its arguments, in order. An argument beyond them is refused.</summary>
    private static readonly Dictionary<string, string[]> Known = new(StringComparer.Ordinal)
    {
        ["trim"] = ["chars"], ["upper"] = [], ["lower"] = [], ["capitalize"] = [], ["title"] = [], ["string"] = [], ["safe"] = [],
        ["length"] = [], ["count"] = [], ["list"] = [], ["first"] = [], ["last"] = [], ["reverse"] = [], ["items"] = [], ["abs"] = [],
        ["join"] = ["d", "attribute"], ["default"] = ["default_value", "boolean"], ["d"] = ["default_value", "boolean"], ["replace"] = ["old", "new", "count"],
        ["dictsort"] = ["case_sensitive", "by", "reverse"], ["int"] = ["default", "base"], ["float"] = ["default"], ["round"] = ["precision", "method"],
        ["sum"] = ["attribute", "start"], ["min"] = ["case_sensitive", "attribute"], ["max"] = ["case_sensitive", "attribute"],
        ["sort"] = ["reverse", "case_sensitive", "attribute"], ["unique"] = ["case_sensitive", "attribute"],
        ["indent"] = ["width", "first", "blank"], ["tojson"] = ["ensure_ascii", "indent", "separators", "sort_keys"],
    };

    /// <summary>Applies a filter; refuses an unknown one by name.</summary>
    public static object? Apply(string name, object? input, JinjaCallArguments call)
    {
        if (Known.TryGetValue(name, out string[]? parameters)) call.Allow(parameters.Length, parameters);
        return name switch
        {
            "trim" => PythonText.Strip(JinjaValues.Text(input), call.Value(0, "chars", null) is null ? null : call.Text(0, "chars")),
            "upper" => PythonCase.Upper(JinjaValues.Text(input)),
            "lower" => PythonCase.Lower(JinjaValues.Text(input)),
            "capitalize" => PythonCase.Capitalize(JinjaValues.Text(input)),
            "title" => Title(JinjaValues.Text(input)),
            "string" or "safe" => JinjaValues.Text(input),
            "length" or "count" => input is JinjaGenerator ? throw call.Bad("needs something with a length; write '| list' before it") : (long)Items(input, call).Count,
            "list" => Items(input, call).ToList(),
            "first" => input is JinjaGenerator several ? several.TryTake(out object? one) ? one : new JinjaUndefined("the first item") : Items(input, call) is { Count: > 0 } items ? items[0] : new JinjaUndefined("the first item"),
            "last" => input is JinjaGenerator ? throw call.Bad("cannot look back; write '| list' before it") : Items(input, call) is { Count: > 0 } items ? items[^1] : new JinjaUndefined("the last item"),
            "reverse" => input is string text ? string.Concat(Enumerable.Reverse(Items(text, call))) : input is JinjaGenerator ? Enumerable.Reverse(Items(input, call)).ToList() : new JinjaGenerator(Enumerable.Reverse(Items(input, call))),
            "join" => Join(call, input, JinjaValues.Text(call.Value(0, "d", "")), call.Value(1, "attribute", null)),
            "default" or "d" => input is JinjaUndefined || (JinjaValues.Truth(call.Value(1, "boolean", false)) && !JinjaValues.Truth(input)) ? call.Value(0, "default_value", "") : input,
            "replace" => Replace(call, JinjaValues.Text(input), JinjaValues.Text(call.Needed(0, "old")), JinjaValues.Text(call.Needed(1, "new")), call.Value(2, "count", null) is null ? -1 : call.Integer(2, "count", -1)),
            "items" => input is Dictionary<string, object?> map ? new JinjaGenerator(JinjaMembers.Pairs(map)) : input is JinjaUndefined ? new JinjaGenerator([]) : throw call.Bad($"needs a mapping, not {JinjaValues.Kind(input)}"),
            "dictsort" => input is Dictionary<string, object?> map ? JinjaSequences.SortMembers(map, call) : throw call.Bad($"needs a mapping, not {JinjaValues.Kind(input)}"),
            "int" => JinjaNumbers.Integer(input, call),
            "float" => JinjaNumbers.Real(input, call),
            "abs" => JinjaNumbers.Absolute(input, call),
            "round" => JinjaNumbers.Round(input, call),
            "sum" => JinjaSequences.Sum(input, call),
            "min" or "max" => JinjaSequences.Extreme(input, call, name == "max"),
            "sort" => JinjaSequences.Sort(input, call),
            "unique" => JinjaSequences.Unique(input, call),
            "map" => JinjaSequences.Map(input, call),
            "select" => JinjaSequences.Selected(input, call, null, true, 0),
            "reject" => JinjaSequences.Selected(input, call, null, false, 0),
            "selectattr" => JinjaSequences.Selected(input, call, call.Needed(0, "attribute"), true, 1),
            "rejectattr" => JinjaSequences.Selected(input, call, call.Needed(0, "attribute"), false, 1),
            "indent" => Indent(JinjaValues.Text(input), call),
            "tojson" => JinjaJson.Write(input, call),
            _ => throw call.Run.Bad(call.Line, $"the filter '{name}' is not supported"),
        };
    }

    /// <summary>Joins the texts of items.</summary>
    public static string Join(JinjaCallArguments call, object? input, string glue, object? attribute = null)
    {
        var result = new StringBuilder();
        List<object?> items = Items(input, call);
        for (int i = 0; i < items.Count; i++)
        {
            string text = JinjaValues.Text(JinjaSequences.Member(items[i], attribute, call));
            call.Run.Make(call.Line, text.Length + (i > 0 ? glue.Length : 0));
            if (i > 0) result.Append(glue);
            result.Append(text);
        }
        return result.ToString();
    }

    /// <summary>Python's str.replace; a negative count replaces all, an empty text to look for stands around every character.</summary>
    public static string Replace(JinjaCallArguments call, string text, string old, string with, long count)
    {
        int most = count < 0 || count >= int.MaxValue ? int.MaxValue : (int)count;
        if (most == 0) return text;
        string[] parts = old.Length > 0 ? text.Split(old, most == int.MaxValue ? most : most + 1) : Around(text, most);
        call.Run.Make(call.Line, text.Length + (long)(parts.Length - 1) * with.Length);
        return string.Join(with, parts);
    }

    /// <summary>The items of a value; refuses what cannot be looped over.</summary>
    public static List<object?> Items(object? input, JinjaCallArguments call) =>
        JinjaValues.Items(input) ?? throw call.Bad($"needs something to loop over, not {JinjaValues.Kind(input)}");

    private static string[] Around(string text, int most)
    {
        string[] runes = [.. text.EnumerateRunes().Select(r => r.ToString())];
        int single = Math.Min(most - 1, runes.Length);
        string rest = string.Concat(runes[single..]);
        return most > runes.Length ? ["", .. runes, ""] : ["", .. runes[..single], rest];
    }

    // Jinja's own rule: words begin behind white space and - ( { [ <.
    private static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        for (int at = 0, end; at < text.Length; at = end)
        {
            bool between = Between(text[at]);
            for (end = at; end < text.Length && Between(text[end]) == between; ) end++;
            int first = at + (char.IsHighSurrogate(text[at]) && at + 1 < end ? 2 : 1);
            result.Append(PythonCase.Upper(text[at..first])).Append(PythonCase.Lower(text[first..end]));
        }
        return result.ToString();

        static bool Between(char c) => c is '-' or '(' or '{' or '[' or '<' || PythonText.IsSpace(c);
    }

    private static string Indent(string text, JinjaCallArguments call)
    {
        object? width = call.Value(0, "width", 4L);
        bool first = JinjaValues.Truth(call.Value(1, "first", false)), blank = JinjaValues.Truth(call.Value(2, "blank", false));
        List<string> lines = PythonText.Lines(text + "\n");
        long wide = width is string given ? given.Length : call.Integer(0, "width", 4);
        call.Run.Make(call.Line, text.Length + lines.Count * Math.Clamp(wide, 0, 1L << 40));
        string prefix = width as string ?? new string(' ', (int)Math.Max(wide, 0));
        return string.Join('\n', lines.Select((line, i) => (i == 0 ? first : blank || line.Length > 0) ? prefix + line : line));
    }
}
