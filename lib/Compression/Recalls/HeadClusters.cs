using HeadKvLab.Cache;
using HeadKvLab.Kernels;

namespace HeadKvLab.Compression.Recalls;

/// <summary>Clusters of one head's entries. They are made in groups: the first of what is there, later ones of what was appended.</summary>
/// <param name="shape">The cache, whose type centroids are kept in.</param>
internal sealed unsafe class HeadClusters(CacheShape shape)
{
    private readonly List<(int First, int Cluster)> _groups = []; // entry and cluster with which each begins
    private byte[] _centroids = [];  // [cluster, dim]
    private int[] _starts = [0];     // [cluster + 1], in the members
    private int[] _members = [];     // entries, cluster after cluster, ascending in each

    /// <summary>Clusters.</summary>
    internal int Count => _starts.Length - 1;

    /// <summary>First entry behind those that are in clusters; 0: there are no clusters.</summary>
    internal int End { get; private set; }

    /// <summary>Entries of a cluster, ascending.</summary>
    internal ReadOnlySpan<int> this[int cluster] => _members.AsSpan(_starts[cluster].._starts[cluster + 1]);

    /// <summary>Bytes of centroids, and of the numbers that say which entries are whose.</summary>
    internal long Bytes => Count == 0 ? 0 : CentroidBytes + (long)_members.Length * sizeof(int);

    /// <summary>Bytes that choosing clusters reads, without their members.</summary>
    internal long CentroidBytes => _centroids.Length + (long)_starts.Length * sizeof(int);

    /// <summary>The same, of one group.</summary>
    /// <param name="clusters">Its clusters.</param>
    /// <param name="members">Entries in them.</param>
    /// <param name="shape">The cache.</param>
    internal static long BytesFor(int clusters, int members, CacheShape shape) => (long)clusters * shape.EntryBytes / 2 + (clusters + 1L + members) * sizeof(int);

    private int RowBytes => shape.EntryBytes / 2;

    /// <summary>Reads a centroid, <c>[dim]</c>.</summary>
    internal void Centroid(int cluster, Span<float> numbers)
    {
        fixed (byte* row = &_centroids[cluster * RowBytes]) shape.Format.Widen(row, numbers);
    }

    /// <summary>Makes a group of clusters.</summary>
    /// <param name="entries">The layer.</param>
    /// <param name="head">The head.</param>
    /// <param name="first">First entry of the group.</param>
    /// <param name="end">First entry behind it.</param>
    /// <param name="clusters">How many.</param>
    internal void Add(LayerCache entries, int head, int first, int end, int clusters)
    {
        var keys = new float[(end - first) * shape.HeadDim];
        entries.ReadKeys(head, first, keys);
        var (of, centroids) = SphericalClusters.Make(keys, shape.HeadDim, clusters);
        var (before, members) = (Count, _members.Length);
        _groups.Add((first, before));
        Array.Resize(ref _centroids, (before + clusters) * RowBytes);
        Array.Resize(ref _starts, before + clusters + 1);
        Array.Resize(ref _members, members + of.Length);
        fixed (byte* rows = &_centroids[before * RowBytes]) shape.Format.Narrow(centroids, rows);
        var next = members;
        for (var c = 0; c < clusters; c++)
        {
            for (var row = 0; row < of.Length; row++)
                if (of[row] == c) _members[next++] = first + row;
            _starts[before + c + 1] = next;
        }
        End = end;
    }

    /// <summary>Forgets the groups that hold entries from one on.</summary>
    /// <returns>Whether there were any.</returns>
    internal bool Truncate(int entries)
    {
        var before = Count;
        while (_groups.Count > 0 && End > entries)
        {
            var (first, cluster) = _groups[^1];
            _groups.RemoveAt(_groups.Count - 1);
            Array.Resize(ref _members, _starts[cluster]);
            Array.Resize(ref _centroids, cluster * RowBytes);
            Array.Resize(ref _starts, cluster + 1);
            End = _groups.Count > 0 ? first : 0;
        }
        return Count < before;
    }

    internal HeadClusters Clone()
    {
        var copy = new HeadClusters(shape) { _centroids = [.. _centroids], _starts = [.. _starts], _members = [.. _members], End = End };
        copy._groups.AddRange(_groups);
        return copy;
    }
}
