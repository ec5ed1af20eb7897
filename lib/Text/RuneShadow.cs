using System.Globalization;
using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// Substitutes for the characters a .NET pattern cannot tell apart: those beyond U+FFFF, which are two UTF-16 units, and the
/// private ones, whose places the substitutes take. The places that a pattern names cut these characters into stretches; each
/// stretch has one placeholder for each Unicode category, so a pattern can name both a range and a category.
/// </summary>
internal sealed class RuneShadow
{
    private const int First = 0xE000, Last = 0xF8FF, Categories = 30;

    private readonly int[] _cuts;

    /// <param name="places">Code points at which a named range begins, or the one behind its end.</param>
    /// <exception cref="OverflowException">More places than there are substitutes for.</exception>
    public RuneShadow(IEnumerable<int> places)
    {
        _cuts = [.. places.Append(First).Append(Last + 1).Append(0x10000).Where(p => p is >= First and <= Last + 1 or >= 0x10000).Distinct().Order()];
        if (_cuts.Length * Categories > Last + 1 - First) throw new OverflowException();
    }

    /// <summary>Whether a character needs a placeholder.</summary>
    public static bool Needs(int code) => code is >= First and <= Last or > 0xFFFF;

    /// <summary>Whether a text holds such characters.</summary>
    public static bool In(ReadOnlySpan<char> text) => text.IndexOfAnyInRange('\uD800', (char)Last) >= 0;

    /// <summary>The placeholder of a character.</summary>
    public char Of(Rune rune)
    {
        int at = Array.BinarySearch(_cuts, rune.Value);
        return (char)(First + Categories * (at < 0 ? ~at - 1 : at) + (int)Rune.GetUnicodeCategory(rune));
    }

    /// <summary>The substitutes of the characters from one to another that need them, as the inside of a pattern's class.</summary>
    public string Range(int low, int high)
    {
        var result = new StringBuilder();
        for (int i = 0; i < _cuts.Length; i++)
            if (_cuts[i] >= low && _cuts[i] <= high) result.Append(CultureInfo.InvariantCulture, $"\\u{First + Categories * i:X4}-\\u{First + Categories * (i + 1) - 1:X4}");
        return result.ToString();
    }

    /// <summary>The substitutes of the characters of neighbouring categories, as the inside of a pattern's class.</summary>
    public string Of(int first, int last)
    {
        var result = new StringBuilder();
        for (int i = 0; i < _cuts.Length; i++) result.Append(CultureInfo.InvariantCulture, $"\\u{First + Categories * i + first:X4}-\\u{First + Categories * i + last:X4}");
        return result.ToString();
    }
}
