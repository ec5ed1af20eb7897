using System.Text;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>Overlap of words as a multiset, SQuAD's F1 as LongBench spells it.</summary>
public static class QaF1
{
    private const string Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    /// <summary>Chinese marks that the official script deletes.</summary>
    private const string ChinesePunctuation = "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏.";

    /// <summary>English: lower case, without punctuation and articles, split at white space.</summary>
    public static double English(string prediction, string truth) => Overlap(PythonText.Split(Normalise(prediction)), PythonText.Split(Normalise(truth)));

    /// <summary>Chinese: words of a segmenter, each in lower case, without punctuation and white space.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="truth">The reference.</param>
    /// <param name="cut">Cuts a text into words: <see cref="Segmenter.Characters"/>, or the words of a dictionary.</param>
    public static double Chinese(string prediction, string truth, Func<string, IEnumerable<string>> cut) => Overlap(Words(prediction, cut), Words(truth, cut));

    /// <summary>F1 of two multisets of words; 0 when they share none.</summary>
    public static double Overlap(IReadOnlyCollection<string> prediction, IReadOnlyCollection<string> truth)
    {
        var counts = truth.CountBy(w => w).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        var common = prediction.CountBy(w => w).Sum(p => Math.Min(p.Value, counts.GetValueOrDefault(p.Key)));
        if (common == 0) return 0;
        double precision = (double)common / prediction.Count, recall = (double)common / truth.Count;
        return 2 * precision * recall / (precision + recall);
    }

    private static string[] Words(string text, Func<string, IEnumerable<string>> cut) =>
        [.. cut(text).Select(word => string.Concat(PythonText.Lower(word).Where(c => !Punctuation.Contains(c) && !ChinesePunctuation.Contains(c) && !PythonText.IsSpace(c)))).Where(word => word.Length > 0)];

    private static string Normalise(string text)
    {
        var letters = string.Concat(PythonText.Lower(text).Where(c => !Punctuation.Contains(c)));
        var (result, word) = (new StringBuilder(letters.Length), new StringBuilder());
        foreach (var rune in letters.EnumerateRunes())
        {
            if (PythonText.IsWord(rune)) word.Append(rune.ToString());
            else
            {
                Flush();
                result.Append(rune.ToString());
            }
        }
        Flush();
        return result.ToString();

        void Flush()
        {
            var text = word.ToString();
            result.Append(text is "a" or "an" or "the" ? " " : text);
            word.Clear();
        }
    }
}
