using System.Globalization;
using System.Text;

namespace HeadKvLab;

/// <summary>Strings as Python sees them: chat templates and the official scripts' scores hang on its notions of white space, words, lines and code points.</summary>
internal static class PythonText
{
    /// <summary><c>str.lower()</c>.</summary>
    internal static string Lower(string text) => PythonCase.Lower(text);

    /// <summary><c>str.isspace()</c> of a character: .NET's white space and the four separators U+001C to U+001F.</summary>
    internal static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    /// <summary><c>str.split()</c>: runs of white space separate.</summary>
    internal static string[] Split(string text) => [.. SplitSome(text, -1)];

    /// <summary><c>str.split(None, limit)</c>: at most so many cuts, the rest with the white space at its end; a negative limit cuts everywhere.</summary>
    internal static List<string> SplitSome(string text, long limit)
    {
        var words = new List<string>();
        for (var at = 0; ; )
        {
            while (at < text.Length && IsSpace(text[at])) at++;
            if (at == text.Length) return words;
            var end = at;
            if (limit >= 0 && words.Count >= limit) end = text.Length;
            else while (end < text.Length && !IsSpace(text[end])) end++;
            words.Add(text[at..end]);
            at = end;
        }
    }

    /// <summary><c>str.rsplit(None, limit)</c>: the same from the right.</summary>
    internal static List<string> SplitFromRight(string text, long limit)
    {
        var words = new List<string>();
        for (var end = text.Length; ; )
        {
            while (end > 0 && IsSpace(text[end - 1])) end--;
            if (end == 0) break;
            var start = end;
            if (limit >= 0 && words.Count >= limit) start = 0;
            else while (start > 0 && !IsSpace(text[start - 1])) start--;
            words.Add(text[start..end]);
            end = start;
        }
        words.Reverse();
        return words;
    }

    /// <summary><c>str.splitlines()</c>: ten kinds of line ends; the last line needs none.</summary>
    internal static List<string> Lines(string text)
    {
        var lines = new List<string>();
        for (int at = 0, end; at < text.Length; at = end + 1)
        {
            end = at;
            while (end < text.Length && text[end] is not ('\n' or '\r' or '\v' or '\f' or '\u001C' or '\u001D' or '\u001E' or '\u0085' or '\u2028' or '\u2029')) end++;
            lines.Add(text[at..end]);
            if (end + 1 < text.Length && text[end] == '\r' && text[end + 1] == '\n') end++;
        }
        return lines;
    }

    /// <summary><c>str.strip()</c>, <c>lstrip</c>, <c>rstrip</c>: white space, or the characters given, go from the ends.</summary>
    internal static string Strip(string text, string? characters = null, bool left = true, bool right = true)
    {
        int start = 0, end = text.Length;
        if (characters is null)
        {
            if (left) start = LeadingSpace(text);
            if (right) end = Math.Max(start, end - TrailingSpace(text));
            return text[start..end];
        }
        HashSet<Rune> set = [.. characters.EnumerateRunes()];
        while (left && start < end && Rune.DecodeFromUtf16(text.AsSpan(start), out var rune, out var units) == System.Buffers.OperationStatus.Done && set.Contains(rune)) start += units;
        while (right && start < end && Rune.DecodeLastFromUtf16(text.AsSpan(start, end - start), out var rune, out var units) == System.Buffers.OperationStatus.Done && set.Contains(rune)) end -= units;
        return text[start..end];
    }

    /// <summary>The order of two strings, by code points.</summary>
    internal static int Compare(string left, string right)
    {
        var same = left.AsSpan().CommonPrefixLength(right);
        if (same == left.Length || same == right.Length) return left.Length - right.Length;
        var (a, b) = (left[same], right[same]);
        // Halves of pairs stand for characters beyond all others.
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a - b : char.IsSurrogate(a) ? 1 : -1;
    }

    /// <summary>What the regular expression <c>\w</c> matches: letters, numbers of any kind, the underscore.</summary>
    internal static bool IsWord(Rune rune) => rune.Value == '_' || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>Whether <c>repr()</c> shows a character as it is.</summary>
    internal static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

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

    /// <summary><c>round(x, 2)</c>.</summary>
    internal static double Round2(double value) => PythonNumbers.Round(value, 2);

    private static int LeadingSpace(string text)
    {
        var count = 0;
        while (count < text.Length && IsSpace(text[count])) count++;
        return count;
    }

    private static int TrailingSpace(string text)
    {
        var count = 0;
        while (count < text.Length && IsSpace(text[text.Length - 1 - count])) count++;
        return count;
    }
}
