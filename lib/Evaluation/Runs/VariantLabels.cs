using System.Globalization;
using HeadKvLab.Compression;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>Names variants by what they differ in, and by settings that are not the usual ones; what else all of them share would only repeat itself.</summary>
public static class VariantLabels
{
    /// <summary>For each variant the names and values in which those that are shown differ from each other, or from the method's defaults: <c>beta 1.01</c>, <c>window 8</c>, <c>reasoning 1a2b3c4d</c>.</summary>
    /// <param name="all">The variants that are shown together.</param>
    public static Func<Variant, IReadOnlyList<string>> Of(IEnumerable<Variant> all)
    {
        var shown = all.Distinct().ToArray();
        var varied = shown.SelectMany(Facts).Distinct().GroupBy(fact => fact.Name).Where(facts => facts.Count() > 1 && !AreDefaults(shown, facts.Key)).Select(facts => facts.Key).ToHashSet();
        return variant => [.. Facts(variant).Where(fact => varied.Contains(fact.Name) || IsUnusual(variant, fact.Name)).Select(fact => fact.Words)];
    }

    /// <summary>Whether a setting is every method's own default: that defaults differ tells nothing of a variant.</summary>
    private static bool AreDefaults(Variant[] shown, string name) =>
        shown.Any(v => v.Settings.Has(name)) && shown.Where(v => v.Settings.Has(name)).All(v => Catalogue.Methods.Any(m => m.Name == v.Method && m.IsTaken(name)) && !IsUnusual(v, name));

    /// <summary>Whether a setting or the window is not what it is where nobody says otherwise; a seed is the run's.</summary>
    private static bool IsUnusual(Variant variant, string name) => name == "window" ? variant.Window != Budget.PaperWindow
        : name != "seed" && variant.Settings.Has(name) && Catalogue.Methods.FirstOrDefault(m => m.Name == variant.Method)?.Takes.FirstOrDefault(s => s.Name == name) is { } setting && setting.Default != variant.Settings[name];

    private static IEnumerable<(string Name, string Words)> Facts(Variant variant) => variant.Method == Variant.Full.Method ? [] :
    [
        .. variant.Settings.Select(one => (one.Key, $"{one.Key} {one.Value}")),
        ("discipline", variant.Rule), ("granularity", variant.Granularity), ("window", string.Create(CultureInfo.InvariantCulture, $"window {variant.Window}")),
        .. variant.Tables.Select(one => ("table " + one.Key, $"{one.Key} {one.Value[..Math.Min(8, one.Value.Length)]}")),
    ];
}
