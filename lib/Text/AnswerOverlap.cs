using System.Text.RegularExpressions;

namespace HeadKvLab.Text;

/// <summary>
/// Token overlap of a prediction with a reference: LongBench's QA-F1 (THUDM/LongBench <c>metrics.py</c>). Both texts are lower-cased, lose their ASCII
/// punctuation (no blank is put in its place) and the words a, an, the, and are split at white space.
/// </summary>
public static partial class AnswerOverlap
{
    /// <summary>F1 of the two multisets of words, 0 to 1.</summary>
    public static double F1(string prediction, string reference)
    {
        var (predicted, wanted) = (Words(prediction), Words(reference));
        var counts = wanted.GroupBy(w => w).ToDictionary(g => g.Key, g => g.Count());
        var common = 0;
        foreach (var word in predicted)
            if (counts.TryGetValue(word, out var left) && left > 0)
            {
                counts[word] = left - 1;
                common++;
            }
        if (common == 0) return 0;
        var (precision, recall) = ((double)common / predicted.Length, (double)common / wanted.Length);
        return 2 * precision * recall / (precision + recall);
    }

    /// <summary>The words that count.</summary>
    public static string[] Words(string text)
    {
        var plain = string.Concat(text.ToLowerInvariant().Where(c => !(char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c)))));
        return Articles().Replace(plain, " ").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"\b(a|an|the)\b")]
    private static partial Regex Articles();
}
