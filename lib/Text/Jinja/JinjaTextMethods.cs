using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>The methods of Python's str that chat templates use. Places are counted in code points; an argument that is not known is refused.</summary>
internal static class JinjaTextMethods
{
    /// <summary>Finds a method; null when there is none of this name.</summary>
    public static JinjaFunction? Find(string text, string name) => name switch
    {
        "strip" or "lstrip" or "rstrip" => call => PythonText.Strip(text, call.Allow(1).Value(0, "chars", null) is null ? null : call.Text(0, "chars"), name != "rstrip", name != "lstrip"),
        "startswith" => call => Any(call, "prefix", p => text.StartsWith(p, StringComparison.Ordinal)),
        "endswith" => call => Any(call, "suffix", s => text.EndsWith(s, StringComparison.Ordinal)),
        "removeprefix" => call => text.StartsWith(call.Allow(1).Text(0, "prefix"), StringComparison.Ordinal) ? text[call.Text(0, "prefix").Length..] : text,
        "removesuffix" => call => text.EndsWith(call.Allow(1).Text(0, "suffix"), StringComparison.Ordinal) ? text[..^call.Text(0, "suffix").Length] : text,
        "split" => call => Split(text, call, false),
        "rsplit" => call => Split(text, call, true),
        "partition" => call => Partition(text, Separator(call), text.IndexOf(Separator(call), StringComparison.Ordinal), false),
        "rpartition" => call => Partition(text, Separator(call), text.LastIndexOf(Separator(call), StringComparison.Ordinal), true),
        "splitlines" => call => Listed(call.Allow(0), PythonText.Lines(text)),
        "upper" => call => Made(call, PythonCase.Upper(text)),
        "lower" => call => Made(call, PythonCase.Lower(text)),
        "capitalize" => call => Made(call, PythonCase.Capitalize(text)),
        "title" => call => Made(call, PythonCase.Title(text)),
        "replace" => call => JinjaFilters.Replace(call.Allow(3, "count"), text, call.Text(0, "old"), call.Text(1, "new"), call.Integer(2, "count", -1)),
        "join" => call => Join(text, call.Allow(1)),
        "find" or "index" => call => Place(text, call, text.IndexOf(call.Allow(1).Text(0, "sub"), StringComparison.Ordinal), name == "index"),
        "rfind" or "rindex" => call => Place(text, call, text.LastIndexOf(call.Allow(1).Text(0, "sub"), StringComparison.Ordinal), name == "rindex"),
        "count" => call => call.Allow(1).Text(0, "sub") is { Length: > 0 } part ? text.Split(part).Length - 1L : text.EnumerateRunes().Count() + 1L,
        "isdigit" => call => All(text, call, r => CharUnicodeInfo.GetDigitValue(r.ToString(), 0) >= 0),
        "isdecimal" => call => All(text, call, r => Rune.GetUnicodeCategory(r) == UnicodeCategory.DecimalDigitNumber),
        "isalpha" => call => All(text, call, Rune.IsLetter),
        "isspace" => call => All(text, call, r => r.IsBmp && PythonText.IsSpace((char)r.Value)),
        "isupper" => call => call.Allow(0) is not null && PythonCase.IsUpper(text),
        "islower" => call => call.Allow(0) is not null && PythonCase.IsLower(text),
        _ => null,
    };

    private static string Made(JinjaCallArguments call, string text)
    {
        call.Allow(0).Run.Make(call.Line, text.Length);
        return text;
    }

    private static List<object?> Listed(JinjaCallArguments call, IReadOnlyCollection<string> texts)
    {
        call.Run.Make(call.Line, texts.Count);
        return texts.Cast<object?>().ToList();
    }

    private static bool Any(JinjaCallArguments call, string name, Func<string, bool> holds) => call.Allow(1).Needed(0, name) is JinjaTuple several
        ? several.Exists(one => holds(one as string ?? throw call.Bad($"needs strings, not {JinjaValues.Kind(one)}")))
        : holds(call.Text(0, name));

    private static bool All(string text, JinjaCallArguments call, Func<Rune, bool> holds) => call.Allow(0) is not null && text.Length > 0 && text.EnumerateRunes().All(holds);

    private static object Place(string text, JinjaCallArguments call, int at, bool needed) => at >= 0 ? (long)text[..at].EnumerateRunes().Count()
        : needed ? throw call.Bad($"does not find '{call.Text(0, "sub")}'") : -1L;

    private static string Separator(JinjaCallArguments call) => call.Allow(1).Text(0, "sep") is { Length: > 0 } separator ? separator : throw call.Bad("has an empty separator");

    private static JinjaTuple Partition(string text, string separator, int at, bool fromRight) => at >= 0 ? new JinjaTuple([text[..at], separator, text[(at + separator.Length)..]])
        : fromRight ? new JinjaTuple(["", "", text]) : new JinjaTuple([text, "", ""]);

    private static string Join(string glue, JinjaCallArguments call)
    {
        List<object?> parts = JinjaFilters.Items(call.Needed(0, "iterable"), call);
        int other = parts.FindIndex(part => part is not string);
        if (other >= 0) throw call.Bad($"joins strings, not {JinjaValues.Kind(parts[other])}");
        return JinjaFilters.Join(call, parts, glue);
    }

    private static List<object?> Split(string text, JinjaCallArguments call, bool fromRight)
    {
        long most = call.Allow(2, "sep", "maxsplit").Integer(1, "maxsplit", -1);
        call.Run.Make(call.Line, text.Length);
        if (call.Value(0, "sep", null) is null)
            return (fromRight ? PythonText.SplitFromRight(text, most) : PythonText.SplitSome(text, most)).Cast<object?>().ToList();
        string separator = call.Text(0, "sep");
        if (separator.Length == 0) throw call.Bad("has an empty separator");
        int parts = most < 0 || most >= int.MaxValue ? int.MaxValue : (int)most + 1;
        if (!fromRight) return text.Split(separator, parts).Cast<object?>().ToList();
        var pieces = new List<object?>();
        for (int at; pieces.Count < parts - 1 && (at = text.LastIndexOf(separator, StringComparison.Ordinal)) >= 0; text = text[..at])
            pieces.Add(text[(at + separator.Length)..]);
        pieces.Add(text);
        pieces.Reverse();
        return pieces;
    }
}
