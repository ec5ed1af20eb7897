using System.Text;
using System.Text.RegularExpressions;

namespace HeadKvLab.Text;

/// <summary>
/// Runs a pattern over code points. .NET matches UTF-16 units, so \p{L} would miss every letter beyond U+FFFF: the
/// pattern therefore runs on a shadow of the text in which each such character is one unit (<see cref="RuneShadow"/>),
/// and the ranges are mapped back. Cost: nothing for a text without such characters.
/// </summary>
internal sealed class CodePointRegex
{
    private readonly string _place, _pattern;
    private readonly Regex _regex;
    private readonly RuneShadow _shadow;

    /// <param name="place">File and place, named in errors.</param>
    /// <param name="pattern">The pattern as the file has it.</param>
    public CodePointRegex(string place, string pattern)
    {
        (_place, _pattern) = (place, pattern);
        (_regex, _shadow) = RegexDialect.Compile(place, pattern);
    }

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
            throw new LabException($"{_place}: the pattern '{_pattern}' tries longer than {error.MatchTimeout.TotalSeconds:N0} s on one place of this text: the file is damaged, or the text is hostile.", error);
        }
    }

    private void Find(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        if (!RuneShadow.In(text))
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
            shadow[count] = RuneShadow.Needs(rune.Value) ? _shadow.Of(rune) : text[i];
            i += units;
        }
        origin[count] = text.Length;
        foreach (ValueMatch match in _regex.EnumerateMatches(shadow.AsSpan(0, count)))
            if (match.Length > 0)
                matches.Add((origin[match.Index], origin[match.Index + match.Length] - origin[match.Index]));
    }
}
