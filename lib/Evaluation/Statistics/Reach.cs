using System.Globalization;

namespace HeadKvLab.Evaluation.Statistics;

/// <summary>
/// What the paired test can find at all. With n contexts the smallest probability that flipping their signs can give is 2 / 2^n: all contexts on one side.
/// Holm's correction multiplies the smallest of m probabilities by m. Where m x 2 / 2^n is above the level, no difference can be significant, however large.
/// </summary>
public static class Reach
{
    /// <summary>The smallest probability of a test on so many contexts.</summary>
    public static double SmallestP(int contexts) => Math.Pow(2, 1 - contexts);

    /// <summary>The fewest contexts with which one of so many comparisons can be significant.</summary>
    public static int Contexts(int comparisons) => 1 + (int)Math.Ceiling(Math.Log2(comparisons / Comparison.Level));

    /// <summary>The most comparisons of which one can be significant with so many contexts.</summary>
    public static double Comparisons(int contexts) => Math.Floor(Comparison.Level / SmallestP(contexts));

    /// <summary>Says that no difference can be significant, and what would help; null where one can.</summary>
    /// <param name="family">Comparisons that were corrected together.</param>
    public static string? Remark(IReadOnlyCollection<Comparison> family)
    {
        if (family.Count == 0 || family.Any(c => c.Reachable)) return null;
        var (first, contexts) = (family.First(), family.Max(c => c.Paired.Clusters));
        var fewer = Comparisons(contexts) is >= 1 and var most ? string.Create(CultureInfo.InvariantCulture, $", or at most {most} comparison{(most == 1 ? "" : "s")}, of methods and budgets chosen beforehand") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{first.Suite}, protocol {first.Protocol}: {contexts} context{(contexts == 1 ? "" : "s")} cannot make any difference significant, however large: the smallest possible p is {SmallestP(contexts):0.####}, and ")
            + (family.Count == 1 ? $"the level is {Text(Comparison.Level)}" : $"Holm's correction of {family.Count} comparisons needs {Text(Comparison.Level / family.Count)}")
            + string.Create(CultureInfo.InvariantCulture, $"; use at least {Contexts(family.Count)} contexts{fewer}");
    }

    private static string Text(double p) => p.ToString(p < 0.001 ? "0.#####" : "0.####", CultureInfo.InvariantCulture);
}
