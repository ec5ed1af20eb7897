using System.Globalization;
using System.Text;

namespace HeadKvLab.Text;

/// <summary>What the reference's <c>\w</c> matches (Unicode, UTS 18): letters and what is like them, marks, decimal digits, connectors, the two joiners.</summary>
internal static class WordCharacters
{
    /// <summary>Whether a text that is not empty begins with one.</summary>
    public static bool StartsWith(ReadOnlySpan<char> text) => Rune.DecodeFromUtf16(text, out Rune rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    /// <summary>Whether a text that is not empty ends with one.</summary>
    public static bool EndsWith(ReadOnlySpan<char> text) => Rune.DecodeLastFromUtf16(text, out Rune rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    /// <summary>Finds words and runs of other characters that are no white space: <c>\w+|[^\w\s]+</c>.</summary>
    public static void Words(ReadOnlySpan<char> text, List<(int Start, int Length)> matches) => Runs(text, matches, rune => Rune.IsWhiteSpace(rune) ? 0 : IsWord(rune) ? 1 : 2);

    /// <summary>Finds what stands between white space.</summary>
    public static void Unspaced(ReadOnlySpan<char> text, List<(int Start, int Length)> matches) => Runs(text, matches, rune => Rune.IsWhiteSpace(rune) ? 0 : 1);

    private static bool IsWord(Rune rune) => rune.Value is 0x200C or 0x200D or >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189
        || Rune.GetUnicodeCategory(rune) is <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;

    private static void Runs(ReadOnlySpan<char> text, List<(int Start, int Length)> matches, Func<Rune, int> kind)
    {
        for (int at = 0, end; at < text.Length; at = end)
        {
            Rune.DecodeFromUtf16(text[at..], out Rune first, out int units);
            int own = kind(first);
            for (end = at + units; end < text.Length; end += units)
            {
                Rune.DecodeFromUtf16(text[end..], out Rune next, out units);
                if (kind(next) != own) break;
            }
            if (own != 0) matches.Add((at, end - at));
        }
    }
}
