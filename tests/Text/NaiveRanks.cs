using System.Globalization;
using System.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>
/// Tiktoken written a second time, as plainly as possible: a hand-made scanner over code points instead of a regular
/// expression, and a merge loop that looks at every pair again each time.
/// </summary>
internal sealed class NaiveRanks
{
    private readonly Dictionary<string, int> _ranks = [];   // key: the token's bytes as Latin-1
    private readonly int _digits;

    public NaiveRanks(string[] lines, int digits)
    {
        _digits = digits;
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ');
            if (parts.Length == 2) _ranks[Encoding.Latin1.GetString(Convert.FromBase64String(parts[0]))] = int.Parse(parts[1], CultureInfo.InvariantCulture);
        }
    }

    public int[] Encode(string text)
    {
        Rune[] runes = text.EnumerateRunes().ToArray();
        var ids = new List<int>();
        for (int at = 0; at < runes.Length; )
        {
            int length = WordLength(runes, at);
            ids.AddRange(Merge(string.Concat(runes[at..(at + length)])));
            at += length;
        }
        return ids.ToArray();
    }

    // The seven alternatives in order; the first that matches wins.
    private int WordLength(Rune[] text, int at)
    {
        Rune first = text[at];
        if (first.Value == '\'')
        {
            string next = string.Concat(text.Skip(at + 1).Take(2)).ToLowerInvariant().Replace('ſ', 's');
            foreach (string one in (string[])["s", "t"]) if (next.StartsWith(one, StringComparison.Ordinal)) return 2;
            foreach (string two in (string[])["re", "ve"]) if (next == two) return 3;
            if (next.StartsWith('m')) return 2;
            if (next == "ll") return 3;
            if (next.StartsWith('d')) return 2;
        }
        int letters = at;
        if (!IsLetter(first) && !IsNumber(first) && first.Value is not ('\r' or '\n')) letters++;
        int run = Run(text, letters, IsLetter);
        if (run > 0) return letters - at + run;
        int numbers = Math.Min(_digits, Run(text, at, IsNumber));
        if (numbers > 0) return numbers;
        int signs = first.Value == ' ' ? at + 1 : at;
        int others = Run(text, signs, r => !IsBlank(r) && !IsLetter(r) && !IsNumber(r));
        if (others > 0) return signs - at + others + Run(text, signs + others, r => r.Value is '\r' or '\n');
        int blanks = Run(text, at, IsBlank);
        int lastBreak = Array.FindLastIndex(text, at + blanks - 1, blanks, r => r.Value is '\r' or '\n');
        if (lastBreak >= at) return lastBreak + 1 - at;
        return at + blanks == text.Length || blanks == 1 ? blanks : blanks - 1;
    }

    private static int Run(Rune[] text, int at, Func<Rune, bool> holds)
    {
        int end = at;
        while (end < text.Length && holds(text[end])) end++;
        return end - at;
    }

    private static bool IsLetter(Rune rune) => Rune.IsLetter(rune);

    private static bool IsNumber(Rune rune) => Rune.IsNumber(rune);

    private static bool IsBlank(Rune rune) => Rune.IsWhiteSpace(rune);

    private List<int> Merge(string word)
    {
        string bytes = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(word));
        if (_ranks.TryGetValue(bytes, out int whole)) return [whole];
        List<string> parts = bytes.Select(b => b.ToString()).ToList();
        while (true)
        {
            int best = -1, bestRank = int.MaxValue;
            for (int i = 0; i + 1 < parts.Count; i++)
                if (_ranks.TryGetValue(parts[i] + parts[i + 1], out int rank) && rank < bestRank) (best, bestRank) = (i, rank);
            if (best < 0) return parts.ConvertAll(p => _ranks[p]);
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }
}
