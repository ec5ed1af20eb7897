using System.Globalization;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// Cuts Chinese text into words by the likeliest path through a dictionary, as jieba does without its hidden Markov model for unknown
/// words: those stay single characters here, so scores can differ slightly from the official script's. Its file <c>dict.txt</c> must be given; none comes with this project.
/// </summary>
public sealed class Segmenter
{
    private readonly Dictionary<string, double> _frequency = new(StringComparer.Ordinal); // 0: only the beginning of words
    private readonly double _logTotal;

    private Segmenter(IEnumerable<(string Word, double Frequency)> words)
    {
        double total = 0;
        foreach (var (word, frequency) in words)
        {
            _frequency[word] = frequency;
            total += frequency;
            for (var n = 1; n < word.Length; n++) _frequency.TryAdd(word[..n], 0);
        }
        _logTotal = Math.Log(total);
    }

    /// <summary>Every character a word, white space left out: needs no dictionary.</summary>
    public static IEnumerable<string> Characters(string text) => PythonText.CodePoints(text).Select(point => point is >= 0xD800 and <= 0xDFFF ? ((char)point).ToString() : char.ConvertFromUtf32(point)).Where(c => !PythonText.IsSpace(c[0]));

    /// <summary>Reads a dictionary: lines of <c>word frequency [tag]</c>.</summary>
    /// <exception cref="LabException">The file is missing, empty or has another form.</exception>
    public static Segmenter Load(string path)
    {
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
        return words.Count > 0 ? new(words) : throw new LabException($"{path}: the dictionary is empty; give jieba's dict.txt");
    }

    /// <summary>The words of a text; what stands between words is given too.</summary>
    public IEnumerable<string> Cut(string text)
    {
        for (int i = 0, end; i < text.Length; i = end)
        {
            end = i + 1;
            if (!IsWordCharacter(text[i]))
            {
                yield return text[i..end];
                continue;
            }
            while (end < text.Length && IsWordCharacter(text[end])) end++;
            foreach (var word in Route(text[i..end])) yield return word;
        }
    }

    private static bool IsWordCharacter(char c) => c is >= '\u4E00' and <= '\u9FD5' || char.IsAsciiLetterOrDigit(c) || "+#&._%-".Contains(c);

    /// <summary>The likeliest division, from the end backwards; of equals the longer word. Latin letters and digits stay together.</summary>
    private IEnumerable<string> Route(string block)
    {
        var best = new (double LogProbability, int End)[block.Length + 1];
        for (var i = block.Length - 1; i >= 0; i--)
        {
            best[i] = (double.NegativeInfinity, i + 1);
            for (var end = i + 1; end <= block.Length; end++)
            {
                var known = _frequency.TryGetValue(block[i..end], out var frequency);
                if (!known && end > i + 1) break;
                if (frequency == 0 && end > i + 1) continue;
                var score = Math.Log(Math.Max(frequency, 1)) - _logTotal + best[end].LogProbability;
                if (score >= best[i].LogProbability) best[i] = (score, end);
            }
        }
        for (int i = 0, latin = -1; i <= block.Length;)
        {
            var end = i < block.Length ? best[i].End : i + 1;
            if (i < block.Length && end == i + 1 && char.IsAsciiLetterOrDigit(block[i]))
            {
                if (latin < 0) latin = i;
            }
            else
            {
                if (latin >= 0) yield return block[latin..i];
                latin = -1;
                if (i < block.Length) yield return block[i..end];
            }
            i = end;
        }
    }
}
