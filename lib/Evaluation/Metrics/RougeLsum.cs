namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// ROUGE-Lsum of Google's package (<c>rouge_score</c>, without stemming), which SCBench's summaries are scored by. Lines are sentences; words are runs of a to z and 0 to 9 in lower
/// case. For each line of the reference the union of its longest common subsequences with all lines of the prediction counts, each word as often as both texts have it; F1 of
/// precision and recall. The package's back-tracking decides which of several longest ones is taken: at equal lengths it drops a word of the reference.
/// </summary>
public static class RougeLsum
{
    /// <summary>F1, 0 to 1; 0 where either text has no word.</summary>
    public static double Score(string prediction, string truth)
    {
        string[][] expected = Lines(truth), predicted = Lines(prediction);
        int wanted = expected.Sum(line => line.Length), given = predicted.Sum(line => line.Length), hits = 0;
        if (wanted == 0 || given == 0) return 0;
        var (left, offered) = (Counts(expected), Counts(predicted));
        foreach (var line in expected)
            foreach (var index in predicted.SelectMany(other => Common(line, other)).Distinct().Order())
            {
                var word = line[index];
                if (left[word] == 0 || offered.GetValueOrDefault(word) == 0) continue;
                (left[word], offered[word], hits) = (left[word] - 1, offered[word] - 1, hits + 1);
            }
        double precision = (double)hits / given, recall = (double)hits / wanted;
        return hits == 0 ? 0 : 2 * precision * recall / (precision + recall);
    }

    private static Dictionary<string, int> Counts(string[][] lines) => lines.SelectMany(words => words).CountBy(word => word).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);

    private static string[][] Lines(string text) => [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Words)];

    private static string[] Words(string line) => string.Concat(PythonText.Lower(line).Select(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) ? c : ' ')).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Places in the reference's line of one longest common subsequence.</summary>
    private static List<int> Common(string[] line, string[] other)
    {
        var lengths = new int[line.Length + 1, other.Length + 1];
        for (var i = 1; i <= line.Length; i++)
            for (var j = 1; j <= other.Length; j++)
                lengths[i, j] = line[i - 1] == other[j - 1] ? lengths[i - 1, j - 1] + 1 : Math.Max(lengths[i - 1, j], lengths[i, j - 1]);
        var places = new List<int>();
        for (int i = line.Length, j = other.Length; i > 0 && j > 0;)
            if (line[i - 1] == other[j - 1]) (_, i, j) = (Add(i - 1), i - 1, j - 1);
            else if (lengths[i, j - 1] > lengths[i - 1, j]) j--;
            else i--;
        return places;

        bool Add(int place)
        {
            places.Add(place);
            return true;
        }
    }
}
