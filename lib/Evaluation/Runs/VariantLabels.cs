using System.Globalization;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>Names variants by what they differ in; what all of them share would only repeat itself.</summary>
public static class VariantLabels
{
    /// <summary>For each variant the names and values in which those that have the same name differ: <c>beta 1.01</c>, <c>window 8</c>, <c>reasoning 1a2b3c4d</c>.</summary>
    /// <param name="all">The variants that are shown together.</param>
    public static Func<Variant, IReadOnlyList<string>> Of(IEnumerable<Variant> all)
    {
        var varied = all.SelectMany(Facts).Distinct().GroupBy(fact => fact.Name).Where(facts => facts.Count() > 1).Select(facts => facts.Key).ToHashSet();
        return variant => [.. Facts(variant).Where(fact => varied.Contains(fact.Name)).Select(fact => fact.Words)];
    }

    private static IEnumerable<(string Name, string Words)> Facts(Variant variant) => variant.IsFull ? [] :
    [
        .. variant.Settings.Select(one => (one.Key, $"{one.Key} {one.Value}")),
        ("discipline", variant.Discipline), ("granularity", variant.Granularity), ("window", string.Create(CultureInfo.InvariantCulture, $"window {variant.Window}")),
        .. variant.Tables.Select(one => ("table " + one.Key, $"{one.Key} {one.Value[..Math.Min(8, one.Value.Length)]}")),
    ];
}
