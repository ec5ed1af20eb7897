namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// ROUGE-L over sentences as the Python package <c>rouge</c> computes it: sentences end at full stops, words are what stands between blanks, and
/// the union of all longest common subsequences is counted in distinct words (Lin 2004, section 3.2, with that package's choices).
/// </summary>
public static class RougeL
{
    /// <summary>Steps of one back-tracking that Python's stack of 1,000 frames allows the package below the official script.</summary>
    public const int PythonSteps = 990;

    /// <summary>F of precision and recall; 0 where either text has no sentence.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="truth">The reference.</param>
    /// <param name="mostSteps">Score 0 where one back-tracking takes more steps, as the package does when its recursion fails.</param>
    public static double Score(string prediction, string truth, int mostSteps = int.MaxValue)
    {
        if (Shares(prediction, truth, mostSteps) is not var (precision, recall)) return 0;
        return 2 * (precision * recall) / (precision + recall + 1e-8);
    }

    /// <summary>Recall alone, as LooGLE's script takes it.</summary>
    public static double Recall(string prediction, string truth) => Shares(prediction.Length == 0 ? "None" : prediction, truth, int.MaxValue)?.Recall ?? 0;

    private static (double Precision, double Recall)? Shares(string prediction, string truth, int mostSteps)
    {
        string[][] predicted = Sentences(prediction), expected = Sentences(truth);
        if (predicted.Length == 0 || expected.Length == 0) return null;
        var union = new HashSet<string>(StringComparer.Ordinal);
        foreach (var reference in expected)
            foreach (var sentence in predicted)
                if (AddCommon(reference, sentence, union) > mostSteps) return null;
        return ((double)union.Count / Distinct(predicted), (double)union.Count / Distinct(expected));
    }

    /// <summary>A piece of blanks only is a sentence of one empty word.</summary>
    internal static string[][] Sentences(string text) =>
        [.. text.Split('.').Where(piece => piece.Length > 0).Select(piece => PythonText.Split(piece) is { Length: > 0 } words ? words : [""])];

    private static int Distinct(string[][] sentences) => sentences.SelectMany(words => words).Distinct(StringComparer.Ordinal).Count();

    /// <summary>Back-tracks one longest common subsequence: up in the reference only if that is strictly longer. Returns the steps it took.</summary>
    private static int AddCommon(string[] reference, string[] sentence, HashSet<string> union)
    {
        var length = new int[reference.Length + 1, sentence.Length + 1];
        for (var i = 1; i <= reference.Length; i++)
            for (var j = 1; j <= sentence.Length; j++)
                length[i, j] = reference[i - 1] == sentence[j - 1] ? length[i - 1, j - 1] + 1 : Math.Max(length[i - 1, j], length[i, j - 1]);
        var steps = 0;
        for (int i = reference.Length, j = sentence.Length; i > 0 && j > 0; steps++)
            if (reference[i - 1] == sentence[j - 1])
            {
                union.Add(reference[i - 1]);
                i--;
                j--;
            }
            else if (length[i - 1, j] > length[i, j - 1]) i--;
            else j--;
        return steps;
    }
}
