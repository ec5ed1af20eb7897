using System.Globalization;
using System.Text.Json.Serialization;
using HeadKvLab.Eviction;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>A method at one budget with the settings that were chosen for it; settings left null are the method's defaults.</summary>
public sealed record Variant
{
    /// <summary>The uncompressed reference.</summary>
    public static Variant Full { get; } = new() { Method = "FullKV" };

    /// <summary>Name in the catalogue.</summary>
    public required string Method { get; init; }

    /// <summary>Nominal entries per head, window included; 0 where a share is given, and for the full cache.</summary>
    public int KvSize { get; init; }

    /// <summary>Budget as a share of the prompt; 0 where a size is given.</summary>
    public double Share { get; init; }

    /// <summary>Budget discipline.</summary>
    public string Discipline { get; init; } = "equal-entries";

    /// <summary>Which heads own entries.</summary>
    public string Granularity { get; init; } = "kv-head";

    /// <summary>Observation window.</summary>
    public int Window { get; init; } = Budget.PaperWindow;

    /// <summary>HeadKV's beta; null where the method has none.</summary>
    public double? Beta { get; init; }

    /// <summary>Width of the pooling kernel; null for the default.</summary>
    public int? Kernel { get; init; }

    /// <summary>Whether nothing is compressed.</summary>
    [JsonIgnore]
    public bool IsFull => Method == Full.Method;

    /// <summary>All of it in a line: part of a sample's name.</summary>
    [JsonIgnore]
    public string Key => IsFull ? Method : string.Create(CultureInfo.InvariantCulture, $"{Method} b={KvSize} share={Share} {Discipline} {Granularity} window={Window} beta={Beta} kernel={Kernel}");

    /// <summary>The budget as tables write it: entries per head, or percent of the prompt.</summary>
    [JsonIgnore]
    public string BudgetName => IsFull ? "full" : KvSize > 0 ? KvSize.ToString(CultureInfo.InvariantCulture) : (100 * Share).ToString("0.##", CultureInfo.InvariantCulture) + " %";

    /// <summary>The budget on a prompt.</summary>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <exception cref="LabException">It leaves no room for the window, or a name is unknown.</exception>
    public Budget BudgetFor(int promptTokens)
    {
        var (discipline, granularity) = (Budget.ParseDiscipline(Discipline), Budget.ParseGranularity(Granularity));
        return KvSize > 0 ? new Budget(KvSize, Window, discipline, granularity) : Budget.OfShare(Share, promptTokens, Window, discipline, granularity);
    }

    /// <summary>The method with these settings.</summary>
    /// <param name="importances">Head scores of the model.</param>
    /// <param name="seed">Seed of methods that draw.</param>
    /// <exception cref="LabException">The method is unknown, a setting is out of range, or head scores are missing.</exception>
    public Method Create(HeadImportances importances, int seed)
    {
        var settings = new MethodSettings { Seed = seed };
        if (Beta is { } beta) settings = settings with { Beta = beta };
        if (Kernel is { } kernel) settings = settings with { Pooling = new Pooling(kernel, settings.Pooling.Kind) };
        return Catalogue.Find(Method).Create(settings, importances);
    }

    /// <summary>Whether a method's settings have a beta.</summary>
    public static bool HasBeta(string method) => method.StartsWith("HeadKV-", StringComparison.Ordinal);

    /// <summary>
    /// The product of methods, budgets and settings, the full cache first. Beta is multiplied into the methods that have one only, and the kernel
    /// into those that pool.
    /// </summary>
    /// <param name="grid">What to multiply.</param>
    /// <exception cref="LabException">A name is unknown, a budget too small, or there is nothing to run.</exception>
    public static IReadOnlyList<Variant> Product(VariantGrid grid)
    {
        var variants = new List<Variant>();
        foreach (var method in grid.Methods.Select(name => Catalogue.Find(name).Name))
        {
            if (method == Full.Method)
            {
                variants.Insert(0, Full);
                continue;
            }
            variants.AddRange(
                from size in grid.KvSizes.Select(b => (Size: b, Share: 0.0)).Concat(grid.Shares.Select(s => (Size: 0, Share: s)))
                from discipline in grid.Disciplines
                from window in grid.Windows
                from beta in HasBeta(method) && grid.Betas.Count > 0 ? grid.Betas.Select(b => (double?)b) : [null]
                from kernel in grid.Kernels.Count > 0 ? grid.Kernels.Select(k => (int?)k) : [null]
                select new Variant { Method = method, KvSize = size.Size, Share = size.Share, Discipline = discipline, Granularity = grid.Granularity, Window = window, Beta = beta, Kernel = kernel });
        }
        if (variants.Count == 0) throw new LabException("nothing to run: name at least one method, and at least one --kv-sizes or --shares for methods that compress");
        foreach (var variant in variants.Where(v => !v.IsFull)) variant.BudgetFor(1 << 20);
        return [.. variants.Distinct()];
    }
}

/// <summary>What to multiply into variants.</summary>
/// <param name="Methods">Names in the catalogue.</param>
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

    /// <summary>Betas; none: each method's default.</summary>
    public IReadOnlyList<double> Betas { get; init; } = [];

    /// <summary>Pooling kernels; none: each method's default.</summary>
    public IReadOnlyList<int> Kernels { get; init; } = [];
}
