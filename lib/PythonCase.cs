using System.Globalization;
using System.Text;

namespace HeadKvLab;

/// <summary>
/// Upper, lower and title case as Python has them: Unicode's full mappings (ß becomes SS), a capital sigma at the end of a
/// word its final form, and the letters that Unicode calls lower or upper case beyond their category.
/// </summary>
internal static class PythonCase
{
    // A character and its upper case, where .NET's simple mapping gives another.
    private static readonly Dictionary<Rune, string> UpperCases = Table(
        "ßSS ıI ŉʼN ſS ǰJ\u030C ΐΙ\u0308\u0301 ΰΥ\u0308\u0301 ևԵՒ ẖH\u0331 ẗT\u0308 ẘW\u030A ẙY\u030A ẚAʾ ὐΥ\u0313 " +
        "ὒΥ\u0313\u0300 ὔΥ\u0313\u0301 ὖΥ\u0313\u0342 ᾀἈΙ ᾁἉΙ ᾂἊΙ ᾃἋΙ ᾄἌΙ ᾅἍΙ ᾆἎΙ ᾇἏΙ ᾈἈΙ ᾉἉΙ ᾊἊΙ ᾋἋΙ ᾌἌΙ ᾍἍΙ ᾎἎΙ ᾏἏΙ " +
        "ᾐἨΙ ᾑἩΙ ᾒἪΙ ᾓἫΙ ᾔἬΙ ᾕἭΙ ᾖἮΙ ᾗἯΙ ᾘἨΙ ᾙἩΙ ᾚἪΙ ᾛἫΙ ᾜἬΙ ᾝἭΙ ᾞἮΙ ᾟἯΙ ᾠὨΙ ᾡὩΙ ᾢὪΙ ᾣὫΙ ᾤὬΙ ᾥὭΙ ᾦὮΙ ᾧὯΙ ᾨὨΙ ᾩὩΙ ᾪὪΙ " +
        "ᾫὫΙ ᾬὬΙ ᾭὭΙ ᾮὮΙ ᾯὯΙ ᾲᾺΙ ᾳΑΙ ᾴΆΙ ᾶΑ\u0342 ᾷΑ\u0342Ι ᾼΑΙ ῂῊΙ ῃΗΙ ῄΉΙ ῆΗ\u0342 ῇΗ\u0342Ι ῌΗΙ ῒΙ\u0308\u0300 " +
        "ΐΙ\u0308\u0301 ῖΙ\u0342 ῗΙ\u0308\u0342 ῢΥ\u0308\u0300 ΰΥ\u0308\u0301 ῤΡ\u0313 ῦΥ\u0342 ῧΥ\u0308\u0342 ῲῺΙ ῳΩΙ " +
        "ῴΏΙ ῶΩ\u0342 ῷΩ\u0342Ι ῼΩΙ ﬀFF ﬁFI ﬂFL ﬃFFI ﬄFFL ﬅST ﬆST ﬓՄՆ ﬔՄԵ ﬕՄԻ ﬖՎՆ ﬗՄԽ");

    // A character and its title case, where that is not the upper case. Georgian letters stay as they are.
    private static readonly Dictionary<Rune, string> TitleCases = Table(
        "ßSs Ǆǅ ǅǅ ǆǅ Ǉǈ ǈǈ ǉǈ Ǌǋ ǋǋ ǌǋ Ǳǲ ǲǲ ǳǲ ևԵւ ᾀᾈ ᾁᾉ ᾂᾊ ᾃᾋ ᾄᾌ ᾅᾍ ᾆᾎ ᾇᾏ ᾈᾈ ᾉᾉ ᾊᾊ ᾋᾋ ᾌᾌ ᾍᾍ ᾎᾎ ᾏᾏ ᾐᾘ ᾑᾙ ᾒᾚ ᾓᾛ ᾔᾜ ᾕᾝ " +
        "ᾖᾞ ᾗᾟ ᾘᾘ ᾙᾙ ᾚᾚ ᾛᾛ ᾜᾜ ᾝᾝ ᾞᾞ ᾟᾟ ᾠᾨ ᾡᾩ ᾢᾪ ᾣᾫ ᾤᾬ ᾥᾭ ᾦᾮ ᾧᾯ ᾨᾨ ᾩᾩ ᾪᾪ ᾫᾫ ᾬᾬ ᾭᾭ ᾮᾮ ᾯᾯ ᾲᾺ\u0345 ᾳᾼ ᾴΆ\u0345 " +
        "ᾷΑ\u0342\u0345 ᾼᾼ ῂῊ\u0345 ῃῌ ῄΉ\u0345 ῇΗ\u0342\u0345 ῌῌ ῲῺ\u0345 ῳῼ ῴΏ\u0345 ῷΩ\u0342\u0345 ῼῼ ﬀFf ﬁFi ﬂFl " +
        "ﬃFfi ﬄFfl ﬅSt ﬆSt ﬓՄն ﬔՄե ﬕՄի ﬖՎն ﬗՄխ");

    private static readonly int[] OtherLower =
    [
        0xAA, 0xAA, 0xBA, 0xBA, 0x2B0, 0x2B8, 0x2C0, 0x2C1, 0x2E0, 0x2E4, 0x345, 0x345, 0x37A, 0x37A, 0x1D2C, 0x1D6A, 0x1D78, 0x1D78, 0x1D9B, 0x1DBF, 0x2071, 0x2071, 0x207F, 0x207F,
        0x2090, 0x209C, 0x2170, 0x217F, 0x24D0, 0x24E9, 0x2C7C, 0x2C7D, 0xA69C, 0xA69D, 0xA770, 0xA770, 0xA7F8, 0xA7F9, 0xAB5C, 0xAB5F, 0x10780, 0x10780, 0x10783, 0x10785,
        0x10787, 0x107B0, 0x107B2, 0x107BA,
    ];

    private static readonly int[] OtherUpper = [0x2160, 0x216F, 0x24B6, 0x24CF, 0x1F130, 0x1F149, 0x1F150, 0x1F169, 0x1F170, 0x1F189];

    /// <summary><c>str.upper()</c>.</summary>
    internal static string Upper(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) result.Append(Upper(rune));
        return result.ToString();
    }

    /// <summary><c>str.lower()</c>.</summary>
    internal static string Lower(string text)
    {
        var result = new StringBuilder(text.Length);
        for (int i = 0, units; i < text.Length; i += units) units = AppendLower(result, text, i);
        return result.ToString();
    }

    /// <summary><c>str.capitalize()</c>: the first character in title case, the rest in lower case.</summary>
    internal static string Capitalize(string text)
    {
        var result = new StringBuilder(text.Length);
        for (int i = 0, units; i < text.Length; i += units) units = i == 0 ? AppendTitle(result, text, i) : AppendLower(result, text, i);
        return result.ToString();
    }

    /// <summary><c>str.title()</c>: each first letter of a run of letters with case in title case, the others in lower case.</summary>
    internal static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        var inside = false;
        for (int i = 0, units; i < text.Length; i += units)
        {
            units = inside ? AppendLower(result, text, i) : AppendTitle(result, text, i);
            inside = IsCased(At(text, i, out _));
        }
        return result.ToString();
    }

    /// <summary><c>str.isupper()</c>: a letter of upper case, and none of lower or title case.</summary>
    internal static bool IsUpper(string text) => text.EnumerateRunes().Any(IsUpper) && !text.EnumerateRunes().Any(r => IsLower(r) || IsTitle(r));

    /// <summary><c>str.islower()</c>: a letter of lower case, and none of upper or title case.</summary>
    internal static bool IsLower(string text) => text.EnumerateRunes().Any(IsLower) && !text.EnumerateRunes().Any(r => IsUpper(r) || IsTitle(r));

    private static string Upper(Rune rune) => UpperCases.TryGetValue(rune, out var full) ? full : Rune.ToUpperInvariant(rune).ToString();

    private static int AppendTitle(StringBuilder result, string text, int at)
    {
        var rune = At(text, at, out var units);
        result.Append(TitleCases.TryGetValue(rune, out var title) ? title : rune.Value is >= 0x10D0 and <= 0x10FF ? rune.ToString() : Upper(rune));
        return units;
    }

    private static int AppendLower(StringBuilder result, string text, int at)
    {
        var rune = At(text, at, out var units);
        result.Append(rune.Value switch
        {
            0x130 => "i\u0307",
            0x3A3 => BesideCased(text, at, -1) && !BesideCased(text, at, 1) ? "\u03C2" : "\u03C3",
            _ => Rune.ToLowerInvariant(rune).ToString(),
        });
        return units;
    }

    private static bool BesideCased(string text, int at, int step)
    {
        for (var i = at + step; i >= 0 && i < text.Length; i += step)
        {
            if (step < 0 && i > 0 && char.IsLowSurrogate(text[i])) i--;
            var rune = At(text, i, out var units);
            if (!IsIgnorable(rune)) return IsCased(rune);
            if (step > 0) i += units - 1;
        }
        return false;
    }

    // Unicode's Case_Ignorable.
    private static bool IsIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or 0xB7 or 0x387 or 0x55F or 0x5F4 or 0x2018 or 0x2019 or 0x2024 or 0x2027 or 0xFE13 or 0xFE52 or 0xFE55 or 0xFF07 or 0xFF0E or 0xFF1A
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static bool IsCased(Rune rune) => IsLower(rune) || IsUpper(rune) || IsTitle(rune);

    private static bool IsLower(Rune rune) => Rune.IsLower(rune) || Within(OtherLower, rune.Value);

    private static bool IsUpper(Rune rune) => Rune.IsUpper(rune) || Within(OtherUpper, rune.Value);

    private static bool IsTitle(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    private static bool Within(int[] ranges, int value)
    {
        for (var i = 0; i < ranges.Length; i += 2)
            if (value >= ranges[i] && value <= ranges[i + 1]) return true;
        return false;
    }

    private static Rune At(string text, int at, out int units)
    {
        Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out units);
        return rune;
    }

    private static Dictionary<Rune, string> Table(string pairs) => pairs.Split(' ').ToDictionary(pair => Rune.GetRuneAt(pair, 0), pair => pair[1..]);
}
