using System.Text.RegularExpressions;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// RepoQA's score as SCBench uses it: of all functions that are asked for of a repository the most similar one must be the right one, with a similarity of 0.8 or more. Similarity
/// is BLEU-4 of words between blanks, smoothed by NLTK's <c>method4</c> (n-grams without a hit count 1 / (2^i x 5 / ln length) for the i-th such n). The answer is the first
/// block of code, or all of the text without one; the official script takes the first function out of it by a parser for each language, which this does not: words around the
/// function lower a score here.
/// </summary>
public static partial class FunctionMatch
{
    private const double Least = 0.8, K = 5;

    /// <summary>1 where the best match is the truth and similar enough, else 0.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="truth">Code of the function that is asked for.</param>
    /// <param name="all">Code of all functions of its repository.</param>
    public static double Score(string prediction, string truth, IReadOnlyList<string> all)
    {
        var (code, best, similarity) = (Code(prediction), "", 0.0);
        foreach (var function in all)
            if (Similarity(code, function) is var one && one > similarity) (best, similarity) = (function, one);
        return best == truth && similarity >= Least ? 1 : 0;
    }

    /// <summary>BLEU-4 with <c>method4</c>.</summary>
    public static double Similarity(string candidate, string reference)
    {
        string[] given = Words(candidate), wanted = Words(reference);
        if (given.Length == 0 || Hits(given, wanted, 1) == 0) return 0;
        var (sum, misses) = (0.0, 0);
        for (var n = 1; n <= 4; n++)
        {
            double hits = Hits(given, wanted, n), grams = Math.Max(1, given.Length - n + 1);
            if (hits == 0 && given.Length > 1) hits = 1 / (Math.Pow(2, ++misses) * K / Math.Log(given.Length));
            if (hits > 0) sum += 0.25 * Math.Log(hits / grams);
        }
        return Math.Exp(sum) * (given.Length > wanted.Length ? 1 : Math.Exp(1 - (double)wanted.Length / given.Length));
    }

    private static string Code(string prediction)
    {
        var text = prediction.Trim();
        return Block().Match(text) is { Success: true } block ? block.Groups[1].Value : text;
    }

    private static int Hits(string[] given, string[] wanted, int n)
    {
        var there = Grams(wanted, n).CountBy(gram => gram).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        return Grams(given, n).CountBy(gram => gram).Sum(p => Math.Min(p.Value, there.GetValueOrDefault(p.Key)));
    }

    private static IEnumerable<string> Grams(string[] words, int n) => Enumerable.Range(0, Math.Max(0, words.Length - n + 1)).Select(i => string.Join(' ', words, i, n));

    private static string[] Words(string text) => PythonText.Split(text);

    [GeneratedRegex(@"^```(?:\w+)?\s*\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();
}
