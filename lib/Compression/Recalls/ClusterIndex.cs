using HeadKvLab.Cache;
using HeadKvLab.Kernels;

namespace HeadKvLab.Compression.Recalls;

/// <summary>The clusters of a layer, and which of them a query head reads. See <see cref="ClusterKv"/>.</summary>
internal sealed class ClusterIndex : IRecallIndex
{
    private const int FewestAppended = 8; // clusters of a later group

    private readonly ClusterKv _settings;
    private readonly CacheShape _shape;
    private readonly HeadClusters[] _heads;
    private readonly float[] _centroid;
    private ulong[] _order = [];  // [group, cluster]
    private int[] _chosen = [], _best = [];
    private float[] _scores = [];
    private int _group;           // query heads of a KV head

    internal ClusterIndex(ClusterKv settings, CacheShape shape) : this(settings, shape, [.. Enumerable.Range(0, shape.KvHeads).Select(_ => new HeadClusters(shape))])
    {
    }

    private ClusterIndex(ClusterKv settings, CacheShape shape, HeadClusters[] heads) => (_settings, _shape, _heads, _centroid) = (settings, shape, heads, new float[shape.HeadDim]);

    public long Bytes => _heads.Sum(head => head.Bytes);

    public bool ByKvHead => _settings.ByKvHead;

    public NearTier Tier { get; } = new();

    public void Learn(LayerCache entries)
    {
        for (var head = 0; head < _heads.Length; head++)
            if (IsNew(entries, head))
            {
                LearnAll(entries);
                break;
            }
    }

    public void Choose(LayerCache entries, ReadOnlySpan<float> queries, RecallChoice choice)
    {
        _group = choice.Group;
        Learn(entries);
        for (var head = 0; head < _heads.Length; head++)
        {
            var (clusters, first, end) = (_heads[head], choice.First(head), entries.Counts[head]);
            var own = queries.Slice(head * choice.Group * _shape.HeadDim, choice.Group * _shape.HeadDim);
            var order = RecallSettings.Room(ref _order, choice.Group * clusters.Count);
            Rank(clusters, own, order);
            choice.IndexBytes += clusters.Count == 0 ? 0 : clusters.CentroidBytes;
            for (var g = 0; g < choice.Group; g++)
            {
                choice.Next();
                var sinks = clusters.Count == 0 ? 0 : Math.Max(0, _settings.Sinks - first);
                choice.Add(first, sinks);
                RecallSettings.Add(choice, Take(entries, head, g, own.Slice(g * _shape.HeadDim, _shape.HeadDim), order.Slice(g * clusters.Count, clusters.Count), _settings.Budget - sinks, choice));
                choice.Add(Math.Max(first, clusters.End), end - Math.Max(first, clusters.End));
            }
        }
    }

    public void Truncate(int kvHead, int entries)
    {
        if (_heads[kvHead].Truncate(entries)) Tier.Forget(kvHead * _group, _group, _heads[kvHead].Count);
    }

    public IRecallIndex Clone() => new ClusterIndex(_settings, _shape, [.. _heads.Select(head => head.Clone())]);

    /// <summary>Whether clusters are to be made of a head's entries.</summary>
    private bool IsNew(LayerCache entries, int head) => entries.Counts[head] - 1 is var old && (_heads[head].Count == 0 ? old > _settings.Budget : old - _heads[head].End >= _settings.Append);

    /// <summary>Heads know nothing of each other: any number of threads makes the same clusters.</summary>
    private void LearnAll(LayerCache entries) => Parallel.For(0, _heads.Length, new ParallelOptions { MaxDegreeOfParallelism = KernelThreads.Count }, head => Learn(entries, head));

    /// <summary>Makes clusters of what has come, but for the token's own entry.</summary>
    private void Learn(LayerCache entries, int head)
    {
        var (clusters, old) = (_heads[head], entries.Counts[head] - 1);
        if (clusters.Count == 0 && old > _settings.Budget) clusters.Add(entries, head, _settings.Sinks, old, _settings.ClustersOf(old - _settings.Sinks));
        while (clusters.Count > 0 && old - clusters.End >= _settings.Append)
            clusters.Add(entries, head, clusters.End, clusters.End + _settings.Append, Math.Min(_settings.Append, Math.Max(FewestAppended, _settings.ClustersOf(_settings.Append))));
    }

    /// <summary>Clusters by q·centroid, the highest first, of equals the first: numbers whose order is theirs.</summary>
    private void Rank(HeadClusters clusters, ReadOnlySpan<float> queries, Span<ulong> order)
    {
        var dim = _shape.HeadDim;
        for (var c = 0; c < clusters.Count; c++)
        {
            clusters.Centroid(c, _centroid);
            for (var g = 0; g < queries.Length / dim; g++)
                order[g * clusters.Count + c] = (ulong)Falling(RecallSettings.Shown(Elementwise.Dot(queries.Slice(g * dim, dim), _centroid))) << 32 | (uint)c;
        }
        for (var at = 0; at < order.Length; at += clusters.Count) order.Slice(at, clusters.Count).Sort();
    }

    /// <summary>Entries of the first clusters, as many as the budget, ascending; those before a sliding window are none.</summary>
    private ReadOnlySpan<int> Take(LayerCache entries, int head, int sharing, ReadOnlySpan<float> query, ReadOnlySpan<ulong> order, int budget, RecallChoice choice)
    {
        var (clusters, first, queryHead) = (_heads[head], choice.First(head), head * choice.Group + sharing);
        if (clusters.Count == 0) return [];
        var chosen = RecallSettings.Room(ref _chosen, budget);
        var taken = 0;
        Tier.Step(queryHead);
        foreach (var one in order)
        {
            if (taken == budget) break;
            var members = clusters[(int)(uint)one];
            members = members[LowerBound(members, first)..];
            if (members.IsEmpty) continue;
            if (members.Length > budget - taken) members = _settings.BestCut ? Best(entries, head, query, members, budget - taken, choice) : members[..(budget - taken)];
            members.CopyTo(chosen[taken..]);
            taken += members.Length;
            Tier.Choose(queryHead, (int)(uint)one, members.Length);
        }
        choice.IndexBytes += (long)taken * sizeof(int);
        chosen[..taken].Sort();
        return chosen[..taken];
    }

    /// <summary>The members of a cluster's highest q·k, of equals the later, ascending.</summary>
    private ReadOnlySpan<int> Best(LayerCache entries, int head, ReadOnlySpan<float> query, ReadOnlySpan<int> members, int count, RecallChoice choice)
    {
        var scores = RecallSettings.Room(ref _scores, members.Length);
        var best = RecallSettings.Room(ref _best, count);
        for (var i = 0; i < members.Length; i++)
        {
            entries.ReadKeys(head, members[i], _centroid);
            scores[i] = RecallSettings.Shown(Elementwise.Dot(query, _centroid));
        }
        choice.IndexBytes += (long)(members.Length - count) * _shape.EntryBytes / 2; // those of the others are read in attention
        Selection.Best(scores, count, best);
        foreach (ref var one in best) one = members[one];
        return best;
    }

    private static int LowerBound(ReadOnlySpan<int> ascending, int least) => ascending.BinarySearch(least) is >= 0 and var at ? at : ~ascending.BinarySearch(least);

    /// <summary>A whole number that falls as the score rises; both zeros are equal.</summary>
    private static uint Falling(float score)
    {
        var bits = BitConverter.SingleToUInt32Bits(score + 0f);
        return (bits & 0x80000000) != 0 ? bits : ~bits & 0x7FFFFFFF;
    }
}
