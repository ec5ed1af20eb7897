using System.Globalization;
using System.Text;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>Strings as Python sees them: the official scripts' scores hang on its notions of lower case, white space, words and code points.</summary>
internal static class PythonText
{
    /// <summary><c>str.lower()</c>: simple lower case, but İ becomes two characters and a capital sigma at the end of a word its final form.</summary>
    internal static string Lower(string text)
    {
        var lower = text.ToLowerInvariant();
        if (!text.AsSpan().ContainsAny('\u0130', '\u03A3')) return lower;
        var result = new StringBuilder(text.Length + 4);
        for (var i = 0; i < text.Length; i++)
            if (text[i] == '\u0130') result.Append("i\u0307");
            else if (text[i] == '\u03A3') result.Append(Cased(text, i, -1) && !Cased(text, i, 1) ? '\u03C2' : '\u03C3');
            else result.Append(lower[i]);
        return result.ToString();
    }

    /// <summary><c>str.split()</c>: runs of white space separate.</summary>
    internal static string[] Split(string text)
    {
        var words = new List<string>();
        var start = -1;
        for (var i = 0; i <= text.Length; i++)
        {
            var space = i == text.Length || IsSpace(text[i]);
            if (space && start >= 0)
            {
                words.Add(text[start..i]);
                start = -1;
            }
            else if (!space && start < 0) start = i;
        }
        return [.. words];
    }

    /// <summary><c>str.isspace()</c> of a character.</summary>
    internal static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    /// <summary>What the regular expression <c>\w</c> matches: letters, numbers of any kind, the underscore.</summary>
    internal static bool IsWord(Rune rune) => rune.Value == '_' || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>Runs of decimal digits of any script: <c>re.findall(r"\d+")</c>.</summary>
    internal static IEnumerable<string> Numbers(string text)
    {
        var run = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber) run.Append(rune.ToString());
            else if (run.Length > 0)
            {
                yield return run.ToString();
                run.Clear();
            }
        }
        if (run.Length > 0) yield return run.ToString();
    }

    /// <summary>Code points, Python's characters; a lone half of a surrogate pair counts as one.</summary>
    internal static int[] CodePoints(string text)
    {
        var points = new List<int>(text.Length);
        for (var i = 0; i < text.Length; i++)
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) points.Add(char.ConvertToUtf32(text[i], text[++i]));
            else points.Add(text[i]);
        return [.. points];
    }

    /// <summary><c>round(x, 2)</c>: the nearest of the exact value, ties to even.</summary>
    internal static double Round2(double value)
    {
        var nearest = double.Parse(value.ToString("F2", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        var hundredths = Math.Floor(value * 100);
        var tie = value * 8 == Math.Floor(value * 8) && value * 200 == Math.Floor(value * 200) && (value * 200) % 2 != 0;
        return tie ? (hundredths % 2 == 0 ? hundredths : hundredths + 1) / 100 : nearest;
    }

    private static bool Cased(string text, int at, int step)
    {
        for (var i = at + step; i >= 0 && i < text.Length; i += step)
        {
            if (char.IsLetter(text[i])) return true;
            if (char.GetUnicodeCategory(text[i]) is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.Format) && text[i] is not ('\'' or '.' or ':' or '\u2019')) return false;
        }
        return false;
    }
}
