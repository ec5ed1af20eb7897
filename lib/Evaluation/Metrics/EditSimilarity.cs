namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// Similarity of code lines, as the Python package <c>fuzzywuzzy</c> gives it: with <c>python-Levenshtein</c> installed it counts insertions and
/// deletions, without it the blocks that <c>difflib</c> finds. The two disagree ("tide" and "diet": 0.50 and 0.25), so each has a name.
/// </summary>
public static class EditSimilarity
{
    private const int PopularFrom = 200;

    /// <summary>By insertions and deletions: twice the longest common subsequence over both lengths.</summary>
    public static double InsertDelete(string prediction, string truth) => Rounded(FirstCodeLine(prediction), truth, (a, b) => 2.0 * LongestCommon(a, b) / (a.Length + b.Length));

    /// <summary>By <c>difflib</c>'s longest matching blocks, its "popular element" rule included.</summary>
    public static double Difflib(string prediction, string truth) => Rounded(FirstCodeLine(prediction), truth, (a, b) => 2.0 * Blocks(a, b) / (a.Length + b.Length));

    /// <summary>The first line without a backquote, <c>#</c> or <c>//</c>; empty if there is none.</summary>
    internal static string FirstCodeLine(string prediction) =>
        prediction.TrimStart('\n').Split('\n').FirstOrDefault(line => !line.Contains('`') && !line.Contains('#') && !line.Contains("//", StringComparison.Ordinal)) ?? "";

    private static double Rounded(string prediction, string truth, Func<int[], int[], double> ratio)
    {
        if (prediction == truth) return 1;
        if (prediction.Length == 0 || truth.Length == 0) return 0;
        return Math.Round(100 * ratio(PythonText.CodePoints(prediction), PythonText.CodePoints(truth)), MidpointRounding.ToEven) / 100;
    }

    private static int LongestCommon(int[] a, int[] b)
    {
        var row = new int[b.Length + 1];
        foreach (var x in a)
        {
            var diagonal = 0;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = x == b[j - 1] ? diagonal + 1 : Math.Max(above, row[j - 1]);
                diagonal = above;
            }
        }
        return row[^1];
    }

    private static int Blocks(int[] a, int[] b)
    {
        var places = b.Select((x, j) => (x, j)).GroupBy(p => p.x).ToDictionary(g => g.Key, g => g.Select(p => p.j).ToArray());
        if (b.Length >= PopularFrom)
            foreach (var (x, at) in places.ToArray())
                if (at.Length > b.Length / 100 + 1) places.Remove(x);
        var matches = 0;
        var open = new Stack<(int AFrom, int ATo, int BFrom, int BTo)>([(0, a.Length, 0, b.Length)]);
        while (open.TryPop(out var part))
        {
            var (i, j, size) = LongestBlock(a, b, places, part);
            if (size == 0) continue;
            matches += size;
            if (part.AFrom < i && part.BFrom < j) open.Push((part.AFrom, i, part.BFrom, j));
            if (i + size < part.ATo && j + size < part.BTo) open.Push((i + size, part.ATo, j + size, part.BTo));
        }
        return matches;
    }

    /// <summary>The longest block, of equals the earliest in a, then in b; elements left out of <paramref name="places"/> only extend it.</summary>
    private static (int I, int J, int Size) LongestBlock(int[] a, int[] b, Dictionary<int, int[]> places, (int AFrom, int ATo, int BFrom, int BTo) part)
    {
        var (bestI, bestJ, best) = (part.AFrom, part.BFrom, 0);
        var lengths = new Dictionary<int, int>();
        for (var i = part.AFrom; i < part.ATo; i++)
        {
            var next = new Dictionary<int, int>();
            foreach (var j in places.GetValueOrDefault(a[i], []))
            {
                if (j < part.BFrom) continue;
                if (j >= part.BTo) break;
                var k = next[j] = lengths.GetValueOrDefault(j - 1) + 1;
                if (k > best) (bestI, bestJ, best) = (i - k + 1, j - k + 1, k);
            }
            lengths = next;
        }
        while (bestI > part.AFrom && bestJ > part.BFrom && a[bestI - 1] == b[bestJ - 1]) (bestI, bestJ, best) = (bestI - 1, bestJ - 1, best + 1);
        while (bestI + best < part.ATo && bestJ + best < part.BTo && a[bestI + best] == b[bestJ + best]) best++;
        return (bestI, bestJ, best);
    }
}
