using System.Globalization;
using System.Text.RegularExpressions;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// SCBench's scores of one answer (microsoft/MInference, <c>scbench/compute_scores.py</c>) as coded, and corrected where the code has a defect: variables are rounded to two
/// decimals (a third is 0.33); questions on books are scored by containment though F1 is described; a many-shot label is walked letter by letter, so that any of its letters
/// scores ("B" in "nobody"); a choice that merely begins with A to D counts as that letter ("Alice"), and so does the article "A"; numbers lose their minus sign, and 3.9 scores for 3.
/// </summary>
public static partial class ScBenchMetrics
{
    private static readonly string[] Marks = ["answer is:", "answer:", "answer is", "option is"];

    /// <summary>Whether the label stands in the prediction, letter by letter.</summary>
    public static double Contained(string prediction, string label) => prediction.Contains(label, StringComparison.Ordinal) ? 1 : 0;

    /// <summary>Whether the first run of digits is the label.</summary>
    public static double Passkey(string prediction, string label) => AsciiDigits().Match(prediction).Value == label ? 1 : 0;

    /// <summary>Share of the labels that stand in the prediction, in any case.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="labels">All variables.</param>
    /// <param name="official">Rounded to two decimals.</param>
    public static double Variables(string prediction, IReadOnlyList<string> labels, bool official)
    {
        var share = labels.Count == 0 ? 0 : (double)labels.Count(label => Lower(prediction).Contains(Lower(label), StringComparison.Ordinal)) / labels.Count;
        return official ? Math.Round(share, 2) : share;
    }

    /// <summary>Questions on books as coded: whether a label stands in the prediction, in any case. Corrected they are <see cref="QaF1"/>.</summary>
    public static double Answered(string prediction, IReadOnlyList<string> labels) => labels.Any(label => Upper(prediction.Trim()).Contains(Upper(label), StringComparison.Ordinal)) ? 1 : 0;

    /// <summary>Many-shot labels.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="label">For example <c>(B)</c>.</param>
    /// <param name="official">Any letter of the label scores; else the label as a word of its own.</param>
    public static double ManyShot(string prediction, string label, bool official) => official
        ? Answered(prediction, [.. label.EnumerateRunes().Select(letter => letter.ToString())])
        : Regex.IsMatch(prediction, $@"(?<!\w){Regex.Escape(label)}(?!\w)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant) ? 1 : 0;

    /// <summary>The first number of a prediction against the label.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="label">A number; without a decimal point it is whole.</param>
    /// <param name="official">Without its sign, and cut off where the label is whole.</param>
    public static double Number(string prediction, string label, bool official)
    {
        var found = official ? UnsignedNumber().Match(prediction) : SignedNumber().Match(prediction);
        if (!found.Success || !Parse(found.Value.Replace('−', '-'), out var number) || !Parse(label, out var truth)) return 0;
        return (official && !label.Contains('.', StringComparison.Ordinal) ? Math.Truncate(number) : number) == truth ? 1 : 0;
    }

    /// <summary>A choice among A to D.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="labels">The answer's text, and its letter.</param>
    /// <param name="official">As coded; else a letter counts where it stands as one: alone, and not as the article of a word.</param>
    public static double Choice(string prediction, IReadOnlyList<string> labels, bool official) => (official ? OfficialChoice(prediction.Trim(), labels) : CorrectedChoice(prediction.Trim(), labels)) ? 1 : 0;

    /// <summary>Refuses a label of math find that is no number.</summary>
    internal static void CheckNumber(string place, string label)
    {
        if (!Parse(label, out _)) throw new LabException($"{place}: the answer '{label}' is no number; correct it or leave the session out");
    }

    private static bool OfficialChoice(string prediction, IReadOnlyList<string> labels)
    {
        if (prediction.Length == 0) return false;
        if ("ABCD".Contains(prediction[0], StringComparison.Ordinal)) return labels.Contains(prediction[..1]);
        if (labels.Contains(prediction)) return true;
        var plain = Blanks().Replace(Punctuation().Replace(prediction, " "), " ");
        foreach (var mark in Marks)
            if (plain.IndexOf(mark, StringComparison.Ordinal) is >= 0 and var at)
                return plain.Length >= at + mark.Length + 1 && labels.Any(label => plain[(at + mark.Length + 1)..].StartsWith(label, StringComparison.Ordinal));
        var word = PythonText.Split(plain).FirstOrDefault(word => "ABCD".Contains(word, StringComparison.Ordinal));   // a part of "ABCD", as coded
        return word is not null && labels.Contains(word);
    }

    private static bool CorrectedChoice(string prediction, IReadOnlyList<string> labels)
    {
        if (prediction.Length == 0) return false;
        if (LetterAtStart().Match(prediction) is { Success: true } first) return labels.Contains(first.Groups[1].Value);
        if (labels.Contains(prediction.TrimEnd('.'))) return true;
        foreach (var mark in Marks)
            if (prediction.IndexOf(mark, StringComparison.OrdinalIgnoreCase) is >= 0 and var at)
            {
                var after = prediction[(at + mark.Length)..].TrimStart(' ', ':', '\n', '"', '\'');
                return LetterAtStart().Match(after) is { Success: true } letter ? labels.Contains(letter.Groups[1].Value) : after.StartsWith(labels[0], StringComparison.Ordinal);
            }
        return Letter().Match(prediction) is { Success: true } lone ? labels.Contains(lone.Groups[1].Value) : prediction.StartsWith(labels[0], StringComparison.Ordinal);
    }

    private static string Lower(string text) => PythonText.Lower(text);

    private static string Upper(string text) => text.ToUpperInvariant();

    private static bool Parse(string text, out double number) => double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);

    [GeneratedRegex("[0-9]+")]
    private static partial Regex AsciiDigits();

    [GeneratedRegex(@"\d+\.\d+|\d+")]
    private static partial Regex UnsignedNumber();

    [GeneratedRegex(@"[-−]?(?:\d+\.\d+|\d+)")]
    private static partial Regex SignedNumber();

    [GeneratedRegex(@"[\n""'.,?!{}]")]
    private static partial Regex Punctuation();

    [GeneratedRegex(" {2,}")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"^\(?([A-D])(?![\w'])(?! +[a-z])")]
    private static partial Regex LetterAtStart();

    [GeneratedRegex(@"(?<![\w'])([A-D])(?![\w'])(?! +[a-z])")]
    private static partial Regex Letter();
}
