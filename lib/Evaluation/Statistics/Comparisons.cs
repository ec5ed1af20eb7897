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
/// <param name="Family">How many these are.</param>
/// <param name="Names">The two in words: their methods, and what they differ in from the others compared.</param>
public sealed record Comparison(string Suite, string Protocol, Variant First, Variant Second, PairedDifference Paired, double CorrectedP, int Family, (string First, string Second) Names)
{
    /// <summary>Level of significance.</summary>
    public const double Level = 0.05;

    /// <summary>Whether the difference is more than chance.</summary>
    public bool Distinguishable => CorrectedP <= Level;

    /// <summary>Whether so many contexts can make a difference significant after the correction; see <see cref="Reach"/>.</summary>
    public bool Reachable => Family * Reach.SmallestP(Paired.Clusters) <= Level;

    /// <summary>In a sentence, for example <c>HeadKV-R2 is 12.50 [6.20, 18.90] points above SnapKV at 64 (p = 0.002)</c>.</summary>
    public string Words
    {
        get
        {
            var (mean, low, high) = (Paired.Difference.Mean, Paired.Difference.Low, Paired.Difference.High);
            var p = CorrectedP < 0.001 ? "p < 0.001" : string.Create(CultureInfo.InvariantCulture, $"p = {CorrectedP:0.000}");
            if (!Reachable) return string.Create(CultureInfo.InvariantCulture, $"{Names.First} and {Names.Second} at {First.BudgetName}: not distinguishable, out of reach of {Paired.Clusters} contexts ({mean:+0.00;-0.00;0.00} [{low:0.00}, {high:0.00}] points, p = {Paired.P:0.000} before correction)");
            if (!Distinguishable) return string.Create(CultureInfo.InvariantCulture, $"{Names.First} and {Names.Second} at {First.BudgetName}: not distinguishable ({mean:+0.00;-0.00;0.00} [{low:0.00}, {high:0.00}] points, {p})");
            if (mean < 0) (mean, low, high) = (-mean, -high, -low);
            var (above, below) = Paired.Difference.Mean < 0 ? (Names.Second, Names.First) : Names;
            return string.Create(CultureInfo.InvariantCulture, $"{above} is {mean:0.00} [{low:0.00}, {high:0.00}] points above {below} at {First.BudgetName} ({p})");
        }
    }
}

/// <summary>All pairs of methods at equal budgets, with the probability corrected for their number.</summary>
public static class Comparisons
{
    /// <summary>Compares; the weight of a question is the same whatever its data set.</summary>
    /// <param name="rows">Rows of a results folder.</param>
    /// <param name="seed">Seed of intervals and flips.</param>
    /// <param name="against">Only pairs with the method of this name, parts and all; null: all pairs. The correction is for those that are compared.</param>
    public static IReadOnlyList<Comparison> Of(IEnumerable<EvalRow> rows, int seed = 1, string? against = null)
    {
        var comparisons = new List<Comparison>();
        foreach (var part in ResultFolder.Ordered(rows).GroupBy(r => (r.Suite, r.Protocol, r.Seed)))
        {
            var variants = ScoreCells.InOrder(part.Select(r => r.Variant)).Where(v => !v.IsFull).ToArray();
            var labels = VariantLabels.Of(variants);
            var scores = part.GroupBy(r => r.Variant).ToDictionary(g => g.Key, g => g.ToDictionary(r => (r.Dataset, r.Question), r => (r.Context, r.Score)));
            var found = new List<(Variant First, Variant Second, (string, double)[] Differences)>();
            for (var i = 0; i < variants.Length; i++)
                for (var j = i + 1; j < variants.Length; j++)
                {
                    if (!Comparable(variants[i], variants[j]) || (against is not null && variants[i].Name != against && variants[j].Name != against)) continue;
                    var (first, second) = (scores[variants[j]], scores[variants[i]]);
                    var differences = first.Where(s => second.ContainsKey(s.Key)).Select(s => (s.Value.Context, 100 * (s.Value.Score - second[s.Key].Score))).ToArray();
                    if (differences.Length > 0) found.Add((variants[j], variants[i], differences));
                }
            var tested = found.Select(f => PairedTest.Of(f.Differences, seed, found.Count)).ToArray();
            var corrected = PairedTest.Holm([.. tested.Select(t => t.P)]);
            comparisons.AddRange(found.Select((f, i) => new Comparison(part.Key.Suite, part.Key.Protocol, f.First, f.Second, tested[i], corrected[i], found.Count, (Name(f.First), Name(f.Second)))));

            string Name(Variant v) => labels(v) is { Count: > 0 } words ? $"{v.Name} ({string.Join(", ", words)})" : v.Name;
        }
        return comparisons;
    }

    /// <summary>A sentence for each comparison, and before those that so few contexts cannot tell apart one that says so.</summary>
    public static IEnumerable<string> InWords(IEnumerable<Comparison> comparisons) => comparisons.GroupBy(c => (c.Suite, c.Protocol))
        .SelectMany(family => (Reach.Remark([.. family]) is { } remark ? (string[])[remark] : []).Concat(family.Select(c => c.Words)));

    private static bool Comparable(Variant a, Variant b) => a.Name != b.Name && (a.KvSize, a.Share, a.RoundedDown, a.Rule, a.Granularity, a.Window) == (b.KvSize, b.Share, b.RoundedDown, b.Rule, b.Granularity, b.Window);
}
