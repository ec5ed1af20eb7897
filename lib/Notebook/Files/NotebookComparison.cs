using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace HeadKvLab.Notebook.Files;

/// <summary>How far a number may be from the committed one: within either bound it counts as the same.</summary>
/// <param name="Relative">Share of the larger of the two.</param>
/// <param name="Absolute">Difference.</param>
internal sealed record Tolerance(double Relative = 0.05, double Absolute = 0.02)
{
    internal bool Holds(double one, double other) =>
        Math.Abs(one - other) is var apart && (apart <= Absolute || apart <= Relative * Math.Max(Math.Abs(one), Math.Abs(other)));
}

/// <summary>
/// Whether a fresh run of a notebook says what its committed outputs say: the same cells, the same outputs in the same types, the same
/// words, and numbers within a tolerance. Of a cell tagged "timing" only the types are compared. Static images and hashes are left
/// out: they repeat what the chart's own data says, which is compared.
/// </summary>
internal sealed partial class NotebookComparison(Tolerance tolerance)
{
    const int Shown = 60;
    readonly List<string> differences = [];

    /// <summary>One line for each difference, with its place; empty: the same.</summary>
    internal static IReadOnlyList<string> Differences(NotebookDocument committed, NotebookDocument fresh, Tolerance tolerance)
    {
        var comparison = new NotebookComparison(tolerance);
        comparison.Compare(committed, fresh);
        return comparison.differences;
    }

    void Compare(NotebookDocument committed, NotebookDocument fresh)
    {
        if (committed.Cells.Count != fresh.Cells.Count)
        {
            differences.Add($"{committed.Cells.Count} cells are committed, {fresh.Cells.Count} were run");
            return;
        }
        foreach (var (i, (was, now)) in committed.Cells.Zip(fresh.Cells).Index())
        {
            var place = $"cell {i + 1} ({was.Id})";
            if (was.Kind != now.Kind || was.Source != now.Source)
            {
                differences.Add($"{place}: its source is another one");
            }
            else if (was.Kind == "code")
            {
                CompareOutputs(was, now, place);
            }
        }
    }

    void CompareOutputs(NotebookCell was, NotebookCell now, string place)
    {
        var (shownBefore, shownNow) = (Shows(was), Shows(now));
        var (kindsBefore, kindsNow) = (Kinds(was, shownBefore), Kinds(now, shownNow));
        if (kindsBefore != kindsNow)
        {
            differences.Add($"{place}: its outputs were {kindsBefore}, now {kindsNow}");
            return;
        }
        if (was.HasTag("timing"))
        {
            return;
        }
        foreach (var stream in new[] { "stdout", "stderr" })
        {
            CompareText(Printed(was, stream), Printed(now, stream), $"{place}, {stream}");
        }
        foreach (var (before, after) in shownBefore.Zip(shownNow))
        {
            foreach (var (type, value) in before)
            {
                CompareValue(type, value, after[type], before.Any(pair => pair.Value is JsonObject), $"{place}, {type}");
            }
        }
    }

    void CompareValue(string type, JsonNode? before, JsonNode? after, bool withData, string place)
    {
        if (type.StartsWith("image/", StringComparison.Ordinal))
        {
            return;
        }
        if (before is JsonObject)
        {
            CompareJson(before, after, place);
            return;
        }
        CompareText(Comparable(type, NotebookCell.Text(before), withData), Comparable(type, NotebookCell.Text(after), withData), place);
    }

    /// <summary>HTML without images, hashes and, where the chart's data is compared as such, scripts.</summary>
    static string Comparable(string type, string text, bool withData)
    {
        if (type != "text/html")
        {
            return text;
        }
        text = withData ? Script().Replace(text, "") : text;
        return Hash().Replace(EmbeddedFile().Replace(text, ""), "");
    }

    void CompareText(string before, string after, string place)
    {
        var (oldWords, newWords) = (Words(before), Words(after));
        if (oldWords != newWords)
        {
            var at = oldWords.Zip(newWords).TakeWhile(pair => pair.First == pair.Second).Count();
            differences.Add($"{place}: the words \"{Around(oldWords, at)}\" are now \"{Around(newWords, at)}\"");
            return;
        }
        foreach (var (was, now) in Number().Matches(before).Zip(Number().Matches(after)))
        {
            CompareNumbers(Value(was), Value(now), place);
        }
    }

    void CompareJson(JsonNode? before, JsonNode? after, string place)
    {
        switch (before, after)
        {
            case (JsonObject was, JsonObject now):
                foreach (var key in was.Select(pair => pair.Key).Union(now.Select(pair => pair.Key)))
                {
                    CompareJson(was[key], now[key], $"{place}.{key}");
                }
                break;
            case (JsonArray was, JsonArray now) when was.Count == now.Count:
                for (var i = 0; i < was.Count; i++)
                {
                    CompareJson(was[i], now[i], $"{place}[{i}]");
                }
                break;
            case (JsonValue was, JsonValue now) when was.GetValueKind() == JsonValueKind.Number && now.GetValueKind() == JsonValueKind.Number:
                CompareNumbers(was.GetValue<double>(), now.GetValue<double>(), place);
                break;
            case (JsonValue was, JsonValue now) when was.GetValueKind() == JsonValueKind.String && now.GetValueKind() == JsonValueKind.String:
                CompareText((string)was!, (string)now!, place);
                break;
            default:
                if (!JsonNode.DeepEquals(before, after))
                {
                    differences.Add($"{place}: {Cut(before)} is now {Cut(after)}");
                }
                break;
        }
    }

    void CompareNumbers(double was, double now, string place)
    {
        if (!tolerance.Holds(was, now))
        {
            differences.Add(FormattableString.Invariant($"{place}: {was:R} is now {now:R}"));
        }
    }

    static JsonObject[] Shows(NotebookCell cell) => [.. cell.Outputs.Select(output => output["data"] as JsonObject).OfType<JsonObject>()];

    static string Kinds(NotebookCell cell, JsonObject[] shown) =>
        string.Join(", ", cell.Outputs.Where(output => output["data"] is null).Select(output => (string?)output["name"] ?? (string?)output["output_type"]).Distinct().Order()
            .Concat(shown.Select(data => string.Join("+", data.Select(pair => pair.Key).Order())))) is { Length: > 0 } kinds ? kinds : "none";

    static string Printed(NotebookCell cell, string stream) =>
        string.Concat(cell.Outputs.Where(output => (string?)output["name"] == stream).Select(output => NotebookCell.Text(output["text"])));

    /// <summary>The text with # for numbers and one blank for any space or rule: columns are as wide as their numbers.</summary>
    static string Words(string text) => Space().Replace(Number().Replace(text, "#"), " ").Trim();

    static double Value(Match number) => double.Parse(number.Value.Replace(",", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture);

    static string Around(string text, int at) => text[Math.Max(0, at - 20)..Math.Min(text.Length, at + Shown - 20)];

    static string Cut(JsonNode? node) => node?.ToJsonString() is not { } text ? "nothing" : text.Length <= Shown ? text : text[..Shown] + "...";

    [GeneratedRegex(@"(?<![\w.])[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?([eE][-+]?\d+)?")]
    private static partial Regex Number();

    [GeneratedRegex(@"[\s\-\u2500]{2,}|\s")]
    private static partial Regex Space();

    [GeneratedRegex("<script.*?</script>", RegexOptions.Singleline)]
    private static partial Regex Script();

    [GeneratedRegex("data:[a-z]+/[a-z+]+;base64,[A-Za-z0-9+/=]+")]
    private static partial Regex EmbeddedFile();

    [GeneratedRegex("(?<![0-9a-fA-F#.])(?=[0-9]*[a-f])[0-9a-f]{16,64}(?![0-9a-f])")]
    private static partial Regex Hash();
}
