using HeadKvLab.Cache;
using HeadKvLab.Compression.Recalls;

namespace HeadKvLab.Compression;

/// <summary>A recall of the catalogue.</summary>
/// <param name="Name">Its name on the command line, in tables and in results.</param>
/// <param name="Reads">What a token reads, in a sentence.</param>
/// <param name="Takes">The settings it takes.</param>
/// <param name="Paper">Where it is from.</param>
public sealed record RecallEntry(string Name, string Reads, IReadOnlyList<Setting> Takes, string Paper)
{
    /// <summary>Makes it; all of <see cref="Takes"/> is set.</summary>
    public required Func<Settings, IRecall> Build { get; init; }

    /// <summary>How near it is to what its authors compute.</summary>
    public Fidelity Fidelity { get; init; }

    /// <summary>Its settings by default, in words.</summary>
    public string Defaults => string.Join(", ", Takes.Select(setting => $"{setting.Name} {setting.Default}"));

    /// <summary>Creates the recall.</summary>
    /// <param name="given">Settings that differ from the defaults.</param>
    /// <exception cref="LabException">It does not take a setting, or a value is out of range.</exception>
    public IRecall Create(Settings? given = null) => Build(Setting.Resolve(Name, Takes, given));
}

/// <summary>All recalls, in the order of tables: the one place that knows which exist.</summary>
public static class RecallCatalogue
{
    /// <summary>A policy without a recall: each token reads all stored entries.</summary>
    public const string None = "none";

    private static readonly Setting Budget = Setting.Whole("budget", 1024, "1 or more, the entries that a query head reads", budget => budget >= 1);
    private static readonly Setting FullLayers = Setting.Whole("full-layers", 2, "0 or more, the first layers, which are read whole", layers => layers >= 0);

    /// <summary>The recalls.</summary>
    public static IReadOnlyList<RecallEntry> All { get; } =
    [
        new("Exact", "the entries of the highest q·k; to find them it reads all keys: the bound of every recall", [Budget, FullLayers], "-")
            { Build = s => new ExactTop(s.Whole("budget"), s.Whole("full-layers")), Fidelity = Fidelity.Ours },
        new("Quest", "pages of consecutive entries, by the largest q·k that their channels' bounds allow", [Budget, Setting.Whole("page", 16, "1 or more, the entries of a page", page => page >= 1), FullLayers], "arXiv 2406.10774")
            { Build = s => new Quest(s.Whole("budget"), s.Whole("page"), s.Whole("full-layers")) },
        new("ClusterKV", "sinks, clusters of alike keys by q·centroid, and what was stored since", [
            Budget,
            Setting.Whole("size", 80, "1 or more, the mean entries of a cluster (by-budget: an eighth of the budget, at most 80)", size => size >= 1).Or("by-budget"),
            Setting.Whole("sinks", 16, "0 or more, the first entries, which are always read", sinks => sinks >= 0),
            Setting.Whole("append", 320, "1 or more, the entries stored later that become clusters together", entries => entries >= 1),
            FullLayers], "arXiv 2412.03213")
            { Build = s => new ClusterKv(s.Whole("budget"), s["size"] == "by-budget" ? 0 : s.Whole("size"), s.Whole("sinks"), s.Whole("append"), s.Whole("full-layers")), Fidelity = Fidelity.Reconstructed },
    ];

    /// <summary>The recall of a text such as <c>Quest budget=64</c>, whatever the case of its letters.</summary>
    /// <returns>Null for <see cref="None"/>.</returns>
    /// <exception cref="LabException">There is none, it does not take a setting, or a value is out of range.</exception>
    public static IRecall? Parse(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var name = words.FirstOrDefault() ?? "";
        if (text == None) return null;
        var entry = All.FirstOrDefault(one => string.Equals(one.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new LabException($"recall '{name}' is unknown: use one of {string.Join(", ", All.Select(one => one.Name))}, or {None}");
        if (words.Skip(1).FirstOrDefault(word => !word.Contains('=', StringComparison.Ordinal)) is { } odd)
            throw new LabException($"recall '{text}': '{odd}' is no setting; write name=value, as in Quest budget=64, and nothing behind them");
        return entry.Create(Setting.Given(words.Skip(1)));
    }

    /// <summary>A recall's name as tables write it: its budget, and what differs from the defaults. One that stands in no catalogue keeps its name.</summary>
    /// <param name="name">The name with all settings.</param>
    public static string Short(string name)
    {
        var words = name.Split(' ');
        if (!All.Any(one => one.Name == words[0])) return name;
        var shown = words.ToList();
        foreach (var word in words.Skip(1).Where(word => !word.StartsWith("budget=", StringComparison.Ordinal)))
            if (Parse(string.Join(' ', shown.Where(one => one != word)))?.Name == name) shown.Remove(word);
        return string.Join(' ', shown);
    }
}
