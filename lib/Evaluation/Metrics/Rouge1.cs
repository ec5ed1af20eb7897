using System.Text;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>ROUGE-1 as Google's package <c>rouge-score</c> computes it with stemming: what needle tests report.</summary>
public static class Rouge1
{
    /// <summary>F of the overlap of stems.</summary>
    public static double Score(string prediction, string truth) => QaF1.Overlap(Stems(prediction), Stems(truth));

    /// <summary>Share of the truth's stems that the prediction has, as a multiset: what decides whether a needle was retrieved.</summary>
    public static double Recall(string prediction, string truth)
    {
        var (had, wanted) = (Stems(prediction), Stems(truth));
        var counts = had.CountBy(w => w).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        return wanted.Count == 0 ? 0 : (double)wanted.CountBy(w => w).Sum(p => Math.Min(p.Value, counts.GetValueOrDefault(p.Key))) / wanted.Count;
    }

    /// <summary>Lower case, runs of ASCII letters and digits, words of more than three letters stemmed.</summary>
    private static List<string> Stems(string text)
    {
        var (words, word) = (new List<string>(), new StringBuilder());
        foreach (var c in PythonText.Lower(text) + " ")
        {
            if (c is >= 'a' and <= 'z' or >= '0' and <= '9') word.Append(c);
            else if (word.Length > 0)
            {
                words.Add(word.Length > 3 ? PorterStemmer.Stem(word.ToString()) : word.ToString());
                word.Clear();
            }
        }
        return words;
    }
}
