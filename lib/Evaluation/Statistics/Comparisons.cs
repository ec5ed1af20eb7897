using System.Globalization;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Evaluation.Statistics;

/// <summary>Two variants of one budget compared on the questions both answered.</summary>
/// <param name="Suite">Suite.</param>
/// <param name="Protocol">Prompt protocol.</param>
/// <param name="First">One variant.</param>
/// <param name="Second">The other.</param>
/// <param name="Paired">Difference of their scores in percentage points, and its probability.</param>
/// <param name="CorrectedP">Probability after Holm's correction over all comparisons of the suite and protocol.</param>
public sealed record Comparison(string Suite, string Protocol, Variant First, Variant Second, PairedDifference Paired, double CorrectedP)
{
    /// <summary>Level of significance.</summary>
    public const double Level = 0.05;

    /// <summary>Whether the difference is more than chance.</summary>
    public bool Distinguishable => CorrectedP <= Level;

    /// <summary>In a sentence, for example <c>HeadKV-R2 is 12.50 [6.20, 18.90] points above SnapKV at 64 (p = 0.002)</c>.</summary>
    public string Words
    {
        get
        {
            var (mean, low, high) = (Paired.Difference.Mean, Paired.Difference.Low, Paired.Difference.High);
            var p = CorrectedP < 0.001 ? "p < 0.001" : string.Create(CultureInfo.InvariantCulture, $"p = {CorrectedP:0.000}");
            if (!Distinguishable) return string.Create(CultureInfo.InvariantCulture, $"{Label(First)} and {Label(Second)} at {First.BudgetName}: not distinguishable ({mean:+0.00;-0.00;0.00} [{low:0.00}, {high:0.00}] points, {p})");
            if (mean < 0) (mean, low, high) = (-mean, -high, -low);
            var (above, below) = Paired.Difference.Mean < 0 ? (Second, First) : (First, Second);
            return string.Create(CultureInfo.InvariantCulture, $"{Label(above)} is {mean:0.00} [{low:0.00}, {high:0.00}] points above {Label(below)} at {First.BudgetName} ({p})");
        }
    }

    private static string Label(Variant v) => v.Method + (v.Beta is { } beta ? string.Create(CultureInfo.InvariantCulture, $" (beta {beta})") : "");
}

/// <summary>All pairs of methods at equal budgets, with the probability corrected for their number.</summary>
public static class Comparisons
{
    /// <summary>Compares; the weight of a question is the same whatever its data set.</summary>
    /// <param name="rows">Rows of a results folder.</param>
    /// <param name="seed">Seed of intervals and flips.</param>
    public static IReadOnlyList<Comparison> Of(IEnumerable<EvalRow> rows, int seed = 1)
    {
        var comparisons = new List<Comparison>();
        foreach (var part in ResultFolder.Ordered(rows).GroupBy(r => (r.Suite, r.Protocol, r.Seed)))
        {
            var variants = ScoreCells.InOrder(part.Select(r => r.Variant)).Where(v => !v.IsFull).ToArray();
            var scores = part.GroupBy(r => r.Variant).ToDictionary(g => g.Key, g => g.ToDictionary(r => (r.Dataset, r.Question), r => (r.Context, r.Score)));
            var found = new List<Comparison>();
            for (var i = 0; i < variants.Length; i++)
                for (var j = i + 1; j < variants.Length; j++)
                {
                    if (!Comparable(variants[i], variants[j])) continue;
                    var (first, second) = (scores[variants[j]], scores[variants[i]]);
                    var differences = first.Where(s => second.ContainsKey(s.Key)).Select(s => (s.Value.Context, 100 * (s.Value.Score - second[s.Key].Score))).ToArray();
                    if (differences.Length > 0) found.Add(new(part.Key.Suite, part.Key.Protocol, variants[j], variants[i], PairedTest.Of(differences, seed), 1));
                }
            var corrected = PairedTest.Holm([.. found.Select(c => c.Paired.P)]);
            comparisons.AddRange(found.Select((c, i) => c with { CorrectedP = corrected[i] }));
        }
        return comparisons;
    }

    private static bool Comparable(Variant a, Variant b) => a.Method != b.Method && (a.KvSize, a.Share, a.Discipline, a.Granularity, a.Window) == (b.KvSize, b.Share, b.Discipline, b.Granularity, b.Window);
}
