using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace HeadKvLab.Text;

/// <summary>
/// Runs a pattern over code points. .NET matches UTF-16 units, so \p{L} would miss every letter beyond U+FFFF: the
/// pattern therefore runs on a shadow of the text in which each such character is one unit of the same Unicode
/// category, and the ranges are mapped back. Cost: nothing for a text without such characters.
/// </summary>
internal sealed class CodePointRegex(string place, string pattern)
{
    private readonly Regex _regex = RegexDialect.Compile(place, pattern);

    /// <summary>Appends the non-empty matches as (start, length), ascending and disjoint.</summary>
    /// <exception cref="LabException">The pattern backtracks without end on this text.</exception>
    public void Matches(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        try
        {
            Find(text, matches);
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new LabException($"{place}: the pattern '{pattern}' tries longer than {error.MatchTimeout.TotalSeconds:N0} s on one place of this text: the file is damaged, or the text is hostile.", error);
        }
    }

    private void Find(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            foreach (ValueMatch match in _regex.EnumerateMatches(text))
                if (match.Length > 0) matches.Add((match.Index, match.Length));
            return;
        }
        char[] shadow = new char[text.Length];
        int[] origin = new int[text.Length + 1];
        int count = 0;
        for (int i = 0; i < text.Length; count++)
        {
            origin[count] = i;
            Rune.DecodeFromUtf16(text[i..], out Rune rune, out int units);
            shadow[count] = units == 1 ? text[i] : Stand(Rune.GetUnicodeCategory(rune));
            i += units;
        }
        origin[count] = text.Length;
        foreach (ValueMatch match in _regex.EnumerateMatches(shadow.AsSpan(0, count)))
            if (match.Length > 0)
                matches.Add((origin[match.Index], origin[match.Index + match.Length] - origin[match.Index]));
    }

    private static char Stand(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\u0100',
        UnicodeCategory.LowercaseLetter => '\u0101',
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\uA000',
        UnicodeCategory.NonSpacingMark => '\u0300',
        UnicodeCategory.SpacingCombiningMark => '\u0903',
        UnicodeCategory.EnclosingMark => '\u20DD',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\u2160',
        UnicodeCategory.OtherNumber => '\u00B2',
        UnicodeCategory.ConnectorPunctuation => '\u203F',
        UnicodeCategory.DashPunctuation => '\u2010',
        UnicodeCategory.OpenPunctuation => '\u2045',
        UnicodeCategory.ClosePunctuation => '\u2046',
        UnicodeCategory.InitialQuotePunctuation => '\u2018',
        UnicodeCategory.FinalQuotePunctuation => '\u2019',
        UnicodeCategory.OtherPunctuation => '\u2020',
        UnicodeCategory.MathSymbol => '\u2200',
        UnicodeCategory.CurrencySymbol => '\u20A0',
        UnicodeCategory.ModifierSymbol => '\u02C2',
        UnicodeCategory.OtherSymbol => '\u2600',
        UnicodeCategory.Format => '\u200B',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378',
    };
}
