using System.Text.RegularExpressions;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>Classes, counts, paragraph numbers and substrings, each as its official script scores them.</summary>
public static partial class ListMetrics
{
    /// <summary>
    /// Share of the truth among the classes that the prediction names. The official loop removes classes that are parts of the truth from the very list it
    /// walks, and so skips the one after each removed: kept as it is.
    /// </summary>
    public static double Classification(string prediction, string truth, IReadOnlyList<string> classes)
    {
        var named = classes.Where(c => prediction.Contains(c, StringComparison.Ordinal)).ToList();
        for (var i = 0; i < named.Count; i++)
        {
            var one = named[i];
            if (one != truth && truth.Contains(one, StringComparison.Ordinal)) named.Remove(one);
        }
        return named.Contains(truth) ? 1.0 / named.Count : 0;
    }

    /// <summary>Share of the prediction's numbers that are the truth.</summary>
    public static double Count(string prediction, string truth)
    {
        string[] numbers = [.. PythonText.Numbers(prediction)];
        return numbers.Length == 0 ? 0 : (double)numbers.Count(n => n == truth) / numbers.Length;
    }

    /// <summary>The same for the number in <c>Paragraph N</c>.</summary>
    /// <exception cref="LabException">The truth names no paragraph.</exception>
    public static double Retrieval(string prediction, string truth) => Paragraph(prediction, truth, EnglishParagraph());

    /// <summary>The same for the number in <c>段落N</c>.</summary>
    /// <exception cref="LabException">The truth names no paragraph.</exception>
    public static double RetrievalChinese(string prediction, string truth) => Paragraph(prediction, truth, ChineseParagraph());

    /// <summary>RULER: share of the references that stand in the prediction, in any case; control characters count as line ends.</summary>
    public static double AllSubstrings(string prediction, IReadOnlyList<string> truths)
    {
        var text = PythonText.Lower(Controls().Replace(prediction, "\n").Trim());
        return truths.Count == 0 ? 0 : (double)truths.Count(t => text.Contains(PythonText.Lower(t), StringComparison.Ordinal)) / truths.Count;
    }

    /// <summary>
    /// BABILong: the labels of the task that stand in the answer's first sentence and not in the question must be exactly the target's; targets with a comma name several.
    /// </summary>
    public static double Labels(string prediction, string target, string question, IReadOnlyList<string> labels)
    {
        var text = PythonText.Lower(prediction);
        foreach (var end in (string[])[".", "<context>", "<example>"]) text = text.Split(end)[0];
        question = PythonText.Lower(question);
        var named = labels.Select(PythonText.Lower).Where(l => text.Contains(l, StringComparison.Ordinal) && !question.Contains(l, StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
        return named.SetEquals(Targets(target)) ? 1 : 0;
    }

    /// <summary>What a target of BABILong names, in small letters.</summary>
    internal static string[] Targets(string target)
    {
        target = PythonText.Lower(target);
        return target.Contains(',') && target.Length > 3 ? target.Split(',') : [target];
    }

    /// <summary>LooGLE's cloze: share of the masks that the prediction fills as the truth does, whatever the case; both are dictionaries of <c>&lt;mask-n&gt;</c>, in JSON or Python's quotes.</summary>
    public static double Cloze(string prediction, string truth)
    {
        Dictionary<string, string> filled = Masks(prediction), wanted = Masks(truth);
        return wanted.Count == 0 ? 0 : (double)wanted.Count(m => filled.TryGetValue(m.Key, out var text) && PythonText.Lower(text) == PythonText.Lower(m.Value)) / wanted.Count;
    }

    private static Dictionary<string, string> Masks(string text)
    {
        var masks = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (Match m in Mask().Matches(text)) masks.TryAdd(m.Groups[1].Value, (m.Groups[2].Success ? m.Groups[2] : m.Groups[3]).Value.Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\'", "'", StringComparison.Ordinal).Trim());
        return masks;
    }

    private static double Paragraph(string prediction, string truth, Regex form) =>
        form.Match(truth) is { Success: true } match ? Count(prediction, match.Groups[1].Value)
            : throw new LabException($"reference '{truth}': a retrieval answer names its paragraph, for example 'Paragraph 7'");

    [GeneratedRegex(@"Paragraph (\d+)")]
    private static partial Regex EnglishParagraph();

    [GeneratedRegex(@"段落(\d+)")]
    private static partial Regex ChineseParagraph();

    [GeneratedRegex(@"(<mask-\d+>)['""]?\s*:\s*(?:""((?:[^""\\]|\\.)*)""|'((?:[^'\\]|\\.)*)')")]
    private static partial Regex Mask();

    [GeneratedRegex(@"[\x00-\x1f]")]
    private static partial Regex Controls();
}
