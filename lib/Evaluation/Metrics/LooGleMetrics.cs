namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// Those of LooGLE's own metrics that are defined without a model or a word list: BLEU-1, BLEU-4 of 4-grams alone (as NLTK's <c>sentence_bleu</c> without smoothing),
/// recall of ROUGE-1, ROUGE-2 and ROUGE-L (as the package <c>rouge</c>), and the cloze's exact and partial matches. Its METEOR needs WordNet and the order of a set,
/// BERTScore and the GPT-4 judge need models: they are not offered.
/// Its total of cloze matches divides by all masks of the set; here each question counts alike.
/// </summary>
public static class LooGleMetrics
{
    /// <summary>Clipped precision of n-grams of words times the brevity penalty; 0 where not even a word is shared.</summary>
    /// <param name="prediction">The prediction; an empty one counts as <c>None</c>, as in the official script.</param>
    /// <param name="truth">The reference.</param>
    /// <param name="n">Words of an n-gram.</param>
    public static double Bleu(string prediction, string truth, int n)
    {
        string[] predicted = PythonText.Split(prediction.Length == 0 ? "None" : prediction), expected = PythonText.Split(truth);
        if (predicted.Length == 0 || Clipped(predicted, expected, 1) == 0) return 0;
        var penalty = predicted.Length > expected.Length ? 1 : Math.Exp(1 - (double)expected.Length / predicted.Length);
        return penalty * Clipped(predicted, expected, n) / Math.Max(1, predicted.Length - n + 1);
    }

    /// <summary>Distinct n-grams of the reference that the prediction has; n-grams run across sentences, which end at full stops.</summary>
    public static double RougeRecall(string prediction, string truth, int n)
    {
        string[] predicted = Words(prediction.Length == 0 ? "None" : prediction), expected = Words(truth);
        var wanted = Grams(expected, n).ToHashSet(StringComparer.Ordinal);
        return predicted.Length == 0 || wanted.Count == 0 ? 0 : (double)wanted.Intersect(Grams(predicted, n), StringComparer.Ordinal).Count() / wanted.Count;
    }

    /// <summary>Share of the masks whose filling is the truth's, letter by letter; 0 for a prediction that is no dictionary.</summary>
    public static double ClozeExact(string prediction, string truth) => Cloze(prediction, truth, (filled, wanted) => filled == wanted);

    /// <summary>Share of the masks whose filling has a word of the truth's; 0 for a prediction that is no dictionary.</summary>
    public static double ClozePartial(string prediction, string truth) => Cloze(prediction, truth, (filled, wanted) => PythonText.Split(filled).Intersect(PythonText.Split(wanted), StringComparer.Ordinal).Any());

    /// <summary>A prediction is read as the official script reads it, as one Python dictionary and nothing else, but never executed.</summary>
    private static double Cloze(string prediction, string truth, Func<string, string, bool> same)
    {
        if (Masks(prediction) is not { } filled || Masks(truth) is not { Count: > 0 } wanted) return 0;
        return (double)wanted.Count(m => filled.TryGetValue(m.Key, out var text) && same(text, m.Value)) / wanted.Count;
    }

    private static Dictionary<string, string>? Masks(string text)
    {
        try
        {
            return Suites.PythonLiteral.Parse(text.Trim(), "prediction") is Dictionary<string, object?> masks
                ? masks.Where(m => m.Value is string).ToDictionary(m => m.Key, m => (string)m.Value!, StringComparer.Ordinal) : null;
        }
        catch (LabException)
        {
            return null;
        }
    }

    private static int Clipped(string[] predicted, string[] expected, int n)
    {
        var there = Grams(expected, n).CountBy(g => g).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        return Grams(predicted, n).CountBy(g => g).Sum(p => Math.Min(p.Value, there.GetValueOrDefault(p.Key)));
    }

    private static IEnumerable<string> Grams(string[] words, int n) => Enumerable.Range(0, Math.Max(0, words.Length - n + 1)).Select(i => string.Join(' ', words, i, n));

    /// <summary>A piece of blanks only is a sentence of one empty word, as in <see cref="RougeL"/>.</summary>
    private static string[] Words(string text) => [.. RougeL.Sentences(text).SelectMany(s => s)];
}
