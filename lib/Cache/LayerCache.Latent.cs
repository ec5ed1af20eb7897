using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <content>Entries in latent vectors, which the layer shares with others: each head's first ones; the others lie in rows behind them.</content>
public sealed unsafe partial class LayerCache
{
    private LatentStore? _latent; // null: no entry is in latent vectors

    /// <summary>How values are read from latent vectors.</summary>
    internal LatentReading Reading { get; set; }

    /// <summary>Whether entries may lie elsewhere than in rows.</summary>
    private bool IsSealed => _blocks.Length > 0 || _latent is not null;

    /// <summary>Entries that lie in rows, of each head as many.</summary>
    internal int OpenEntries => Open(0);

    /// <summary>Joins a group of layers: what is folded from now on lies there.</summary>
    internal void Join(LatentStore store) => _latent = store;

    /// <summary>Bytes of the group's vectors, which its first layer counts.</summary>
    private long LatentBytes => _latent is { } store && store.Group.First == _layer ? store.Rows.Bytes : 0;

    private long LatentReservedBytes => _latent is { } store && store.Group.First == _layer ? store.Rows.ReservedBytes : 0;

    /// <summary>Reads a row of every head.</summary>
    /// <param name="entry">Row of each head, its first one 0.</param>
    /// <param name="keys">Receives the keys, <c>[kvHead, dim]</c>.</param>
    /// <param name="values">Receives the values, same shape.</param>
    internal void ReadOpen(int entry, Span<float> keys, Span<float> values)
    {
        for (var h = 0; h < Heads; h++)
        {
            _cache.Shape.Format.Widen(_keyData + (_offsets[h] + entry) * RowBytes, keys.Slice(h * Dim, Dim));
            _cache.Shape.Format.Widen(_valueData + (_offsets[h] + entry) * RowBytes, values.Slice(h * Dim, Dim));
        }
    }

    /// <summary>Gives the first rows of every head up: they were folded.</summary>
    internal void Folded(int entries)
    {
        for (var h = 0; h < Heads; h++)
        {
            CloseUp(h, entries, Open(h));
            var most = (int)Capacity(h) + Sealed(h); // there are rows for so many
            if (_positions[h].Length < most) Array.Resize(ref _positions[h], most + SmallestRoom);
        }
    }

    /// <summary>Attention over latent vectors and rows, a block of vectors at a time: softmax is corrected as larger logits appear.</summary>
    private void AttendLatent(LatentStore store, ReadOnlySpan<float> queries, Span<float> output, float scale, int? slidingWindow)
    {
        var (rank, group, vectors) = (store.Rows.Rank, store.Group, store.Rows.Entries);
        var (queryHeads, first, member) = (queries.Length / Dim, FirstSeen(0, slidingWindow), _layer - store.Group.First);
        var (perHead, mixedSize) = (queryHeads / Heads, Math.Max(rank, Dim));
        var from = first < vectors ? first / LatentRows.Block * LatentRows.Block : vectors; // no block of which nothing is seen
        TouchedBytes += (long)(vectors - Math.Min(first, vectors)) * store.Rows.EntryBytes + (long)Heads * (_counts[0] - Math.Max(first, vectors)) * _cache.Shape.EntryBytes;
        var rented = System.Buffers.ArrayPool<float>.Shared.Rent((rank + 2 * Dim + 1) * LatentRows.Block + queryHeads * (mixedSize + 2));
        fixed (float* start = rented, q = queries, result = output, lift = group.Lift, mean = group.Mean)
        {
            float* block = start, keys = block + rank * LatentRows.Block, values = keys + Dim * LatentRows.Block, weights = values + Dim * LatentRows.Block;
            float* mixed = weights + LatentRows.Block, largest = mixed + queryHeads * mixedSize, sums = largest + queryHeads;
            new Span<float>(mixed, queryHeads * (mixedSize + 2)).Clear();
            new Span<float>(largest, queryHeads).Fill(float.NegativeInfinity);
            for (var entry = from; entry < vectors; entry += LatentRows.Block)
            {
                store.Rows.Read(entry, new(block, rank * LatentRows.Block));
                var (cosines, sines) = store.Angles(entry / LatentRows.Block);
                fixed (float* cosine = cosines, sine = sines)
                    for (var h = 0; h < Heads; h++)
                    {
                        var row = KeyRow(member, h);
                        LatentBlock.Rebuild(block, rank, lift + (long)row * group.Rank, group.Rank, mean + row, Dim, keys);
                        LatentBlock.Rotate(keys, cosine, sine, Dim);
                        row = ValueRow(member, h);
                        if (Reading == LatentReading.Rebuilt) LatentBlock.Rebuild(block, rank, lift + (long)row * group.Rank, group.Rank, mean + row, Dim, values);
                        for (var head = h * perHead; head < (h + 1) * perHead; head++)
                        {
                            var most = MathF.Max(largest[head], LatentBlock.Logits(q + head * Dim, keys, Dim, scale, Math.Max(0, first - entry), Math.Min(LatentRows.Block, vectors - entry), weights));
                            var shrunk = MathF.Exp(largest[head] - most);
                            sums[head] = sums[head] * shrunk + LatentBlock.Weigh(weights, most);
                            largest[head] = most;
                            if (Reading == LatentReading.Rebuilt) LatentBlock.Mix(weights, values, Dim, shrunk, mixed + head * mixedSize);
                            else LatentBlock.Mix(weights, block, rank, shrunk, mixed + head * mixedSize);
                        }
                    }
            }
            for (var head = 0; head < queryHeads; head++)
            {
                var at = result + head * Dim;
                var row = ValueRow(member, head / perHead);
                for (var i = 0; i < Dim; i++)
                    at[i] = Reading == LatentReading.Rebuilt ? mixed[head * mixedSize + i] : sums[head] * mean[row + i] + MatrixVector.Dot(lift + (long)(row + i) * group.Rank, mixed + head * mixedSize, rank);
                AttendRows(head / perHead, Math.Max(first, vectors), queries.Slice(head * Dim, Dim), output.Slice(head * Dim, Dim), scale, ref largest[head], ref sums[head]);
                Elementwise.Scale(output.Slice(head * Dim, Dim), 1 / sums[head]);
            }
        }
        System.Buffers.ArrayPool<float>.Shared.Return(rented);
        GC.KeepAlive(this);
    }

    /// <summary>Where a head's keys lie in a row of the group.</summary>
    private int KeyRow(int member, int head) => (2 * member * Heads + head) * Dim;

    private int ValueRow(int member, int head) => ((2 * member + 1) * Heads + head) * Dim;

    /// <summary>Adds the rows of a head from an entry on.</summary>
    private void AttendRows(int head, int first, ReadOnlySpan<float> query, Span<float> mixed, float scale, ref float largest, ref float sum)
    {
        Span<float> row = stackalloc float[Dim];
        for (var entry = first - Sealed(head); entry < Open(head); entry++)
        {
            var at = (_offsets[head] + entry) * RowBytes;
            _cache.Shape.Format.Widen(_keyData + at, row);
            var logit = Elementwise.Dot(query, row) * scale;
            var most = MathF.Max(largest, logit);
            var (shrunk, weight) = (MathF.Exp(largest - most), MathF.Exp(logit - most));
            _cache.Shape.Format.Widen(_valueData + at, row);
            for (var i = 0; i < Dim; i++) mixed[i] = mixed[i] * shrunk + weight * row[i];
            (largest, sum) = (most, sum * shrunk + weight);
        }
    }
}
