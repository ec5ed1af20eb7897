using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Recalls;

/// <summary>
/// Keys are clustered by cosine. A query head takes clusters in the order of q·centroid (of equals the first) until they hold budget - sinks entries, and cuts the last one in
/// ascending position, as the authors' code does, or to its highest q·k; beside them it reads the sinks and every entry stored since, which after some hundred tokens become clusters of their own.
/// Paper: ClusterKV, arXiv 2412.03213. Code: sjtu-zhao-lab/ClusterKV. The sources disagree on the number of clusters (length / 80, 400, 200), seeds are random there and evenly
/// spaced here (<see cref="SphericalClusters"/>), and later clusters exist in the paper and the speed code only. The first token that is decoded makes the index: the entry of that
/// token is the first that is no cluster's. Where the prompt's entries are sealed it is made before, of the keys as computed; of later entries as they are stored. Entries stay where they are; a cluster is a list of them, not a stretch of memory, so that short runs are read.
/// </summary>
/// <param name="Budget">Entries that a query head reads of sinks and clusters; a head that holds no more is read whole.</param>
/// <param name="Size">Mean entries of a cluster; 0: the paper's 80, or an eighth of the budget where that is less, so that a budget is several clusters.</param>
/// <param name="Sinks">First entries, which are always read.</param>
/// <param name="Append">Entries stored later that become clusters together, at least 8 of them.</param>
/// <param name="FullLayers">First layers, which are read whole.</param>
/// <param name="ByKvHead">Whether the query heads of a KV head choose together, by the sum of their queries, and read the same; the papers have each choose alone, which reads up to as many times more of a grouped cache.</param>
/// <param name="BestCut">Whether the last cluster is cut to the entries of its highest q·k, for which its keys are read; else to its first.</param>
public sealed record ClusterKv(int Budget = 1024, int Size = 0, int Sinks = 16, int Append = 320, int FullLayers = 2, bool ByKvHead = false, bool BestCut = false) : IRecall
{
    private const int PaperSize = 80;

    /// <summary>Entries that a query head reads of sinks and clusters.</summary>
    public int Budget { get; } = Budget > Sinks ? Budget : throw new LabException($"recall ClusterKV: budget {Budget}: {Sinks} sinks are read of it: give {Sinks + 1} or more, or fewer sinks");

    /// <summary>Mean entries of a cluster.</summary>
    public int Size { get; } = Size == 0 ? Math.Clamp(Budget / 8, 1, PaperSize) : RecallSettings.AtLeast(1, Size, "ClusterKV", "size");

    /// <summary>First entries, which are always read.</summary>
    public int Sinks { get; } = RecallSettings.AtLeast(0, Sinks, "ClusterKV", "sinks");

    /// <summary>Entries stored later that become clusters together.</summary>
    public int Append { get; } = RecallSettings.AtLeast(1, Append, "ClusterKV", "append");

    /// <summary>First layers, which are read whole.</summary>
    public int FullLayers { get; } = RecallSettings.AtLeast(0, FullLayers, "ClusterKV", "full-layers");

    /// <inheritdoc/>
    public string Name => $"ClusterKV budget={Budget} size={Size} sinks={Sinks} append={Append} full-layers={FullLayers} choice={RecallSettings.Choice(ByKvHead)}{(BestCut ? " cut=best" : "")}";

    /// <inheritdoc/>
    public IRecallIndex? Build(int layer, CacheShape shape) => layer < FullLayers ? null : new ClusterIndex(this, shape);

    /// <inheritdoc/>
    public long BytesFor(int layer, int entries, CacheShape shape) =>
        layer < FullLayers || entries - 1 <= Budget ? 0 : HeadClusters.BytesFor(ClustersOf(entries - 1 - Sinks), entries - 1 - Sinks, shape);

    /// <summary>Clusters of so many entries.</summary>
    internal int ClustersOf(int entries) => (entries + Size - 1) / Size;
}
