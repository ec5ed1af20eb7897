using HeadKvLab.Compression;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>What to multiply into variants.</summary>
/// <param name="Methods">Names in the catalogue, each alone or with settings of its own: <c>HeadKV-R2 beta=2 kernel=5</c>.</param>
public sealed record VariantGrid(IReadOnlyList<string> Methods)
{
    /// <summary>Budgets in entries per head.</summary>
    public IReadOnlyList<int> KvSizes { get; init; } = [];

    /// <summary>Budgets as shares of the prompt.</summary>
    public IReadOnlyList<double> Shares { get; init; } = [];

    /// <summary>Budget disciplines.</summary>
    public IReadOnlyList<string> Disciplines { get; init; } = ["equal-entries"];

    /// <summary>Which heads own entries.</summary>
    public string Granularity { get; init; } = "kv-head";

    /// <summary>Observation windows.</summary>
    public IReadOnlyList<int> Windows { get; init; } = [Budget.PaperWindow];

    /// <summary>Values of settings by their names: each goes to every method that takes it and does not name it itself.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<object>> Settings { get; init; } = new Dictionary<string, IReadOnlyList<object>>();

    /// <summary>Seed of methods that draw.</summary>
    public int Seed { get; init; }

    /// <summary>The product of methods, budgets and settings, the full cache first; equal ones once.</summary>
    /// <exception cref="LabException">A name is unknown, no method takes a setting, a value is out of range, a budget too small, or there is nothing to run.</exception>
    public IReadOnlyList<Variant> Variants()
    {
        var methods = Methods.Select(Catalogue.Parse).ToArray();
        CheckSettings(methods);
        var variants = new List<Variant>();
        foreach (var (entry, given) in methods)
        {
            if (entry.Name == Variant.Full.Method)
            {
                variants.Insert(0, Variant.Full);
                continue;
            }
            variants.AddRange(
                from size in KvSizes.Select(b => (Size: b, Share: 0.0)).Concat(Shares.Select(s => (Size: 0, Share: s)))
                from discipline in Disciplines
                from window in Windows
                from settings in Combinations(entry, given)
                select new Variant { Method = entry.Name, KvSize = size.Size, Share = size.Share, Discipline = discipline, Granularity = Granularity, Window = window, Settings = settings });
        }
        if (variants.Count == 0) throw new LabException("nothing to run: name at least one method, and at least one --kv-sizes or --shares for methods that compress");
        foreach (var variant in variants.Where(v => !v.IsFull)) variant.BudgetFor(1 << 20);
        return [.. variants.Distinct()];
    }

    /// <summary>The effective settings of a method, one for each combination of the values it takes from the grid.</summary>
    private IEnumerable<Settings> Combinations(CatalogueEntry entry, Settings given)
    {
        IEnumerable<Settings> all = [entry.IsTaken("seed") ? given.With("seed", Seed) : given];
        foreach (var (name, values) in Settings.Where(one => Takes(entry, given, one.Key)))
            all = [.. all.SelectMany(one => values.Select(value => one.With(name, value)))];
        return all.Select(entry.Resolve);
    }

    /// <summary>Refuses what would be passed over: a setting that no method takes from the grid, one without a value, and a seed beside the run's.</summary>
    private void CheckSettings((CatalogueEntry Entry, Settings Given)[] methods)
    {
        if (Settings.ContainsKey("seed") || methods.Any(m => m.Given.Has("seed"))) throw new LabException("setting 'seed': all methods of a run draw from the run's seed; give --seed, or \"seed\" in a sweep file");
        foreach (var (name, values) in Settings)
        {
            if (values.Count == 0) throw new LabException($"setting '{name}': give at least one value");
            if (!methods.Any(m => Takes(m.Entry, m.Given, name)))
                throw new LabException($"setting '{name}': {(methods.Any(m => m.Given.Has(name)) ? "every method that takes it names it itself" : "none of the methods takes it")}; "
                    + string.Join("; ", methods.Select(m => m.Entry).Distinct().Select(entry => $"{entry.Name} takes {entry.TakenInWords}")));
        }
    }

    private static bool Takes(CatalogueEntry entry, Settings given, string name) => entry.IsTaken(name) && !given.Has(name);
}
