using System.Globalization;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// Cuts Chinese text into words as jieba does: the likeliest path through a dictionary, and the single characters it leaves joined by a hidden Markov model.
/// Neither table comes with this project: given jieba's <c>dict.txt</c> alone, unknown words stay single characters (jieba's HMM=False) and scores can differ
/// slightly from the official script's; given the folder of the installed package, both are read from it.
/// </summary>
public sealed class Segmenter
{
    private readonly Dictionary<string, double> _frequency = new(StringComparer.Ordinal); // 0: only the beginning of words
    private readonly double _logTotal;
    private readonly WordShapes? _shapes;

    private Segmenter(IEnumerable<(string Word, double Frequency)> words, WordShapes? shapes)
    {
        _shapes = shapes;
        double total = 0;
        foreach (var (word, frequency) in words)
        {
            _frequency[word] = frequency;
            total += frequency;
            for (var n = 1; n < word.Length; n++) _frequency.TryAdd(word[..n], 0);
        }
        _logTotal = Math.Log(total);
    }

    /// <summary>Whether words outside the dictionary are recognised, as jieba does by default.</summary>
    public bool KnowsNewWords => _shapes is not null;

    /// <summary>Every character a word, white space left out: needs no dictionary.</summary>
    public static IEnumerable<string> Characters(string text) => PythonText.CodePoints(text).Select(point => point is >= 0xD800 and <= 0xDFFF ? ((char)point).ToString() : char.ConvertFromUtf32(point)).Where(c => !PythonText.IsSpace(c[0]));

    /// <summary>Reads a dictionary, lines of <c>word frequency [tag]</c>, or jieba's package folder with <c>dict.txt</c> and <c>finalseg</c>.</summary>
    /// <param name="path">File or folder.</param>
    /// <exception cref="LabException">A file is missing, empty or has another form.</exception>
    public static Segmenter Load(string path)
    {
        var shapes = Directory.Exists(path) ? WordShapes.Load(Path.Combine(path, "finalseg")) : null;
        if (shapes is not null) path = Path.Combine(path, "dict.txt");
        if (!File.Exists(path)) throw new LabException($"{path}: no such dictionary; give jieba's dict.txt");
        var words = new List<(string, double)>();
        foreach (var (line, number) in File.ReadLines(path).Select((line, i) => (line.Trim(), i + 1)))
        {
            if (line.Length == 0) continue;
            var parts = line.Split(' ');
            if (parts.Length < 2 || !double.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var frequency))
                throw new LabException($"{path}, line {number}: '{line}' is not 'word frequency tag'; give jieba's dict.txt");
            words.Add((parts[0], frequency));
        }
        return words.Count > 0 ? new(words, shapes) : throw new LabException($"{path}: the dictionary is empty; give jieba's dict.txt");
    }

    /// <summary>Names a dictionary in results: what it is, and the beginning of its SHA-256.</summary>
    /// <param name="path">As for <see cref="Load"/>.</param>
    /// <exception cref="LabException">There is no such file.</exception>
    public static string HashOf(string path)
    {
        var file = Directory.Exists(path) ? Path.Combine(path, "dict.txt") : path;
        if (!File.Exists(file)) throw new LabException($"{file}: no such dictionary; give jieba's dict.txt");
        return (file == path ? "dictionary " : "jieba ") + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))[..16];
    }

    /// <summary>The words of a text; what stands between words is given too, a character at a time.</summary>
    public IEnumerable<string> Cut(string text)
    {
        for (int i = 0, end; i < text.Length; i = end)
        {
            end = i + 1;
            if (!IsWordCharacter(text[i]))
            {
                if (char.IsHighSurrogate(text[i]) && end < text.Length && char.IsLowSurrogate(text[end])) end++;
                yield return text[i..end];
                continue;
            }
            while (end < text.Length && IsWordCharacter(text[end])) end++;
            foreach (var word in Route(text[i..end])) yield return word;
        }
    }

    private static bool IsWordCharacter(char c) => c is >= '\u4E00' and <= '\u9FD5' || char.IsAsciiLetterOrDigit(c) || "+#&._%-".Contains(c);

    /// <summary>The likeliest division, from the end backwards; of equals the longer word. Runs of single characters are looked at once more.</summary>
    private IEnumerable<string> Route(string block)
    {
        var best = new (double LogProbability, int End)[block.Length + 1];
        for (var i = block.Length - 1; i >= 0; i--)
        {
            best[i] = (double.NegativeInfinity, i + 1);
            for (var end = i + 1; end <= block.Length && _frequency.TryGetValue(block[i..end], out var frequency); end++)
                if (frequency > 0 && Math.Log(frequency) - _logTotal + best[end].LogProbability is var score && score >= best[i].LogProbability) best[i] = (score, end);
            if (double.IsNegativeInfinity(best[i].LogProbability)) best[i] = (-_logTotal + best[i + 1].LogProbability, i + 1);
        }
        for (int i = 0, single = 0; i <= block.Length;)
        {
            var end = i < block.Length ? best[i].End : i + 2;
            if (end > i + 1)
            {
                foreach (var word in Singles(block[single..i])) yield return word;
                if (i < block.Length) yield return block[i..end];
                single = end;
            }
            i = end;
        }
    }

    private IEnumerable<string> Singles(string run) =>
        _shapes is null ? LatinRuns(run) : run.Length < 2 || _frequency.GetValueOrDefault(run) > 0 ? run.Select(c => c.ToString()) : _shapes.Cut(run);

    /// <summary>Latin letters and digits stay together.</summary>
    private static IEnumerable<string> LatinRuns(string run)
    {
        for (int i = 0, end; i < run.Length; i = end)
        {
            for (end = i + 1; end < run.Length && char.IsAsciiLetterOrDigit(run[i]) && char.IsAsciiLetterOrDigit(run[end]);) end++;
            yield return run[i..end];
        }
    }
}
