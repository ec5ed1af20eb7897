using System.Text.RegularExpressions;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>
/// jieba's <c>finalseg</c>: characters begin (B), continue (M) or end (E) a word or are one (S); the likeliest sequence by Viterbi's algorithm. The tables are read
/// from the package's <c>prob_start.py</c>, <c>prob_trans.py</c> and <c>prob_emit.py</c>, as literals: nothing is executed.
/// </summary>
public sealed partial class WordShapes
{
    private const double Never = -3.14e100;
    private const string States = "BMES";

    private static readonly string[] Before = ["ES", "MB", "BM", "SE"];        // what may come before B, M, E, S

    private readonly double[] _start;
    private readonly double[,] _change;
    private readonly Dictionary<string, object?>[] _emit;

    private WordShapes(double[] start, double[,] change, Dictionary<string, object?>[] emit) => (_start, _change, _emit) = (start, change, emit);

    /// <summary>Reads the three tables.</summary>
    /// <param name="folder">jieba's folder <c>finalseg</c>.</param>
    /// <exception cref="LabException">A table is missing or has another form.</exception>
    public static WordShapes Load(string folder)
    {
        Dictionary<string, object?> start = Table("prob_start.py"), change = Table("prob_trans.py"), emit = Table("prob_emit.py");
        var changes = new double[4, 4];
        for (var from = 0; from < 4; from++)
            for (var to = 0; to < 4; to++) changes[from, to] = Number(Row(change, "prob_trans.py", from).GetValueOrDefault(States[to..(to + 1)]));
        return new([.. States.Select(s => Number(start.GetValueOrDefault(s.ToString())))], changes, [.. Enumerable.Range(0, 4).Select(s => Row(emit, "prob_emit.py", s))]);

        Dictionary<string, object?> Table(string file)
        {
            var path = Path.Combine(folder, file);
            if (!File.Exists(path)) throw new LabException($"{path}: missing; give the folder of the installed package jieba, or its dict.txt alone");
            var text = File.ReadAllText(path);
            return Assignment().Match(text) is { Success: true } match && PythonLiteral.Parse(text[(match.Index + match.Length)..], path) is Dictionary<string, object?> table ? table
                : throw new LabException($"{path}: no table 'P = {{...}}'; install jieba again");
        }

        Dictionary<string, object?> Row(Dictionary<string, object?> table, string file, int state) => table.GetValueOrDefault(States[state..(state + 1)]) as Dictionary<string, object?>
            ?? throw new LabException($"{Path.Combine(folder, file)}: no row '{States[state]}'; install jieba again");
    }

    /// <summary>Words of a run that no dictionary word covers.</summary>
    public IEnumerable<string> Cut(string run)
    {
        foreach (var block in Chinese().Split(run))
            if (block.Length > 0 && block[0] is >= '\u4E00' and <= '\u9FD5')
                foreach (var word in Words(block)) yield return word;
            else
                foreach (var piece in Latin().Split(block).Where(piece => piece.Length > 0)) yield return piece;
    }

    private IEnumerable<string> Words(string text)
    {
        var shapes = Likeliest(text);
        int begin = 0, next = 0;
        for (var i = 0; i < text.Length; i++)
            if (shapes[i] == 'B') begin = i;
            else if (shapes[i] is 'E' or 'S')
            {
                yield return text[(shapes[i] == 'E' ? begin : i)..(i + 1)];
                next = i + 1;
            }
        if (next < text.Length) yield return text[next..];
    }

    /// <summary>Of equal paths the one whose earlier state has the later letter, as Python's max over (probability, state).</summary>
    private char[] Likeliest(string text)
    {
        var came = new int[text.Length, 4];
        double[] now = [.. Enumerable.Range(0, 4).Select(s => _start[s] + Emission(s, text[0]))];
        for (var t = 1; t < text.Length; t++)
        {
            var next = new double[4];
            for (var s = 0; s < 4; s++)
            {
                var (best, from) = Before[s].Select(c => States.IndexOf(c)).Select(p => (now[p] + _change[p, s] + Emission(s, text[t]), p)).MaxBy(x => (x.Item1, States[x.p]));
                (next[s], came[t, s]) = (best, from);
            }
            now = next;
        }
        var path = new char[text.Length];
        var state = now[3] >= now[2] ? 3 : 2;                                  // ends as E or S
        for (var t = text.Length - 1; t >= 0; state = came[t--, state]) path[t] = States[state];
        return path;
    }

    private double Emission(int state, char c) => Number(_emit[state].GetValueOrDefault(c.ToString()));

    private static double Number(object? value) => value is double number ? number : Never;

    [GeneratedRegex(@"^P\s*=\s*", RegexOptions.Multiline)]
    private static partial Regex Assignment();

    [GeneratedRegex("([\u4E00-\u9FD5]+)")]
    private static partial Regex Chinese();

    [GeneratedRegex(@"([a-zA-Z0-9]+(?:\.\d+)?%?)")]
    private static partial Regex Latin();
}
