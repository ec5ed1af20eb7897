using HeadKvLab.Cache;
using HeadKvLab.Compression.Recalls;

namespace HeadKvLab.Compression;

/// <summary>All recalls, in the order of tables: the one place that knows which exist.</summary>
public static class RecallCatalogue
{
    /// <summary>A policy without a recall: each token reads all stored entries.</summary>
    public const string None = "none";

    private static readonly Setting Budget = Setting.Whole("budget", 1024, "1 or more, the entries that a query head reads", budget => budget >= 1);
    private static readonly Setting FullLayers = Setting.Whole("full-layers", 2, "0 or more, the first layers, which are read whole", layers => layers >= 0);

    private static readonly Setting Choice = Setting.Word("choice", "who chooses: each query head, or those of a KV head together, by the sum of their queries", "query-head", RecallSettings.ByKvHead);

    private static readonly Setting Near = Setting.Whole("near", 0, "0 or more, the steps whose choices a near memory holds while all entries lie far (0: there is one memory)", steps => steps >= 0);

    private static readonly PartCatalogue<IRecall> Known = new("recall", None, "Quest budget=64", recall => recall.Name, "budget",
        new("Exact", "the entries of the highest q·k; to find them it reads all keys: the bound of every recall", [Budget, FullLayers, Choice, Near], "-")
            { Build = s => Tiered(s, new ExactTop(s.Whole("budget"), s.Whole("full-layers"), Together(s))), Fidelity = Fidelity.Ours },
        new("Recent", "the latest entries: what a recall without an index reads, the floor", [Budget, FullLayers], "-")
            { Build = s => new Recent(s.Whole("budget"), s.Whole("full-layers")), Fidelity = Fidelity.Ours },
        new("Quest", "pages of consecutive entries, by the largest q·k that their channels' bounds allow", [Budget, Setting.Whole("page", 16, "1 or more, the entries of a page", page => page >= 1), FullLayers, Choice, Near], "arXiv 2406.10774")
            { Build = s => Tiered(s, new Quest(s.Whole("budget"), s.Whole("page"), s.Whole("full-layers"), Together(s))) },
        new("ClusterKV", "sinks, clusters of alike keys by q·centroid, and what was stored since", [
            Budget,
            Setting.Whole("size", 80, "1 or more, the mean entries of a cluster (by-budget: an eighth of the budget, at most 80)", size => size >= 1).Or("by-budget"),
            Setting.Whole("sinks", 16, "0 or more, the first entries, which are always read", sinks => sinks >= 0),
            Setting.Whole("append", 320, "1 or more, the entries stored later that become clusters together", entries => entries >= 1),
            FullLayers, Choice, Setting.Word("cut", "how the last cluster is cut: to its first entries, as the authors' code does, or to those of the highest q·k", "first", "best"), Near], "arXiv 2412.03213")
            { Build = s => Tiered(s, new ClusterKv(s.Whole("budget"), s["size"] == "by-budget" ? 0 : s.Whole("size"), s.Whole("sinks"), s.Whole("append"), s.Whole("full-layers"), Together(s), s["cut"] == "best")), Fidelity = Fidelity.Reconstructed });

    /// <summary>The recalls.</summary>
    public static IReadOnlyList<PartEntry<IRecall>> All => Known.All;

    /// <summary>The recall of a text such as <c>Quest budget=64</c>, whatever the case of its letters.</summary>
    /// <returns>Null for <see cref="None"/>.</returns>
    /// <exception cref="LabException">There is none, it does not take a setting, or a value is out of range.</exception>
    public static IRecall? Parse(string text) => Known.Parse(text);

    /// <summary>A recall's name as tables write it: its budget, and what differs from the defaults. One that stands in no catalogue keeps its name.</summary>
    /// <param name="name">The name with all settings.</param>
    public static string Short(string name) => Known.Short(name);

    private static IRecall Tiered(Settings settings, IRecall recall) => settings.Whole("near") is > 0 and var steps ? new FarTier(recall, steps) : recall;

    private static bool Together(Settings settings) => settings["choice"] == RecallSettings.ByKvHead;
}
