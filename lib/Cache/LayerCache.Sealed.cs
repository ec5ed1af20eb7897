using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <content>Entries in sealed blocks: each head's first ones; the others lie in rows behind them.</content>
public sealed unsafe partial class LayerCache
{
    private const int MostRunsOfHead = HeadBlocks.MostRuns + 1;

    private HeadBlocks[] _blocks = []; // [head], empty: nothing is sealed

    /// <summary>Bytes of the stored entries, blocks with their scales and zeros; of latent vectors that layers share, the first of them has all.</summary>
    public long StoredBytes
    {
        get
        {
            var bytes = Entries * _cache.Shape.EntryBytes;
            foreach (var head in _blocks) bytes += head.Bytes - (long)head.Entries * _cache.Shape.EntryBytes;
            return _latent is { } store ? bytes - (long)Heads * store.Rows.Entries * _cache.Shape.EntryBytes + LatentBytes : bytes;
        }
    }

    /// <summary>Entries of a head that are sealed: the first ones.</summary>
    public int Sealed(int kvHead) => _blocks.Length == 0 ? _latent?.Rows.Entries ?? 0 : _blocks[kvHead].Entries;

    /// <summary>Seals the entries of every head but the latest, as the cache's <see cref="RaggedCache.Format"/> says, and gives their memory back.</summary>
    /// <exception cref="ModelOverflow">A number is infinite or none.</exception>
    internal void SealAll(EntryFormat format)
    {
        CheckAlive();
        if (_blocks.Length > 0) throw new InvalidOperationException($"layer {_layer} is sealed already");
        if (_keys is null || format.Blocks(_layer) is not { } lie) return;
        var blocks = new HeadBlocks[Heads];
        for (var h = 0; h < Heads; h++)
        {
            blocks[h] = new(lie, Dim);
            foreach (var block in format.BlocksOf(_counts[h])) SealRows(h, blocks[h], blocks[h].Entries, block);
            blocks[h].Trim();
        }
        Adopt(blocks);
    }

    /// <summary>Seals the oldest rows of the heads in which a block of them waits behind the latest ones.</summary>
    private void SealWaiting(EntryFormat format)
    {
        for (var h = 0; h < Heads; h++)
        {
            for (var open = Open(h); open >= BlockFormat.Entries + format.Recent; open = Open(h))
            {
                SealRows(h, _blocks[h], 0, BlockFormat.Entries);
                CloseUp(h, BlockFormat.Entries, open - BlockFormat.Entries);
                Array.Resize(ref _positions[h], (int)Capacity(h) + Sealed(h)); // there are rows for so many
            }
        }
    }

    /// <summary>Seals rows of a head, the first of them <paramref name="first"/> rows behind its blocks.</summary>
    private void SealRows(int head, HeadBlocks blocks, int first, int entries)
    {
        var numbers = entries * Dim;
        var rented = System.Buffers.ArrayPool<float>.Shared.Rent(2 * numbers);
        Span<float> keys = rented.AsSpan(0, numbers), values = rented.AsSpan(numbers, numbers);
        _cache.Shape.Format.Widen(_keyData + (_offsets[head] + first) * RowBytes, keys);
        _cache.Shape.Format.Widen(_valueData + (_offsets[head] + first) * RowBytes, values);
        var done = blocks.Seal(keys, values, entries);
        System.Buffers.ArrayPool<float>.Shared.Return(rented);
        if (!done) throw new ModelOverflow($"layer {_layer}, head {head}: a key or a value is infinite or no number, and {_cache.Format!.Name} has no code for it: the model's numbers overflow; use @bf16, or no format");
    }

    /// <summary>Lays the rows that are not in blocks together and keeps the blocks.</summary>
    private void Adopt(HeadBlocks[] blocks)
    {
        for (var h = 0; h < Heads; h++) CloseUp(h, blocks[h].Entries, _counts[h] - blocks[h].Entries);
        _blocks = blocks;
        Layout(_counts, _reserved);
    }

    /// <summary>Moves a head's last rows to its first places.</summary>
    private void CloseUp(int head, int sealedRows, int kept)
    {
        long bytes = (long)kept * RowBytes, start = _offsets[head] * RowBytes, from = (_offsets[head] + sealedRows) * RowBytes;
        Buffer.MemoryCopy(_keyData + from, _keyData + start, bytes, bytes);
        Buffer.MemoryCopy(_valueData + from, _valueData + start, bytes, bytes);
    }

    /// <summary>The runs that hold consecutive entries of a head, in blocks and in rows.</summary>
    /// <returns>How many.</returns>
    private int RunsOf(int head, int first, int end, Span<Run> runs, float* weights, RunSum* sum = null)
    {
        var (made, kept) = (0, Sealed(head));
        if (first < kept) made = _blocks[head].Runs(first, end, runs, _bias[head], weights, _counts[head]);
        first = Math.Max(first, kept);
        if (first >= end) return made;
        var at = (_offsets[head] + first - kept) * RowBytes;
        runs[made] = new(_keyData + at, _valueData + at, end - first, first == 0 ? _bias[head] : 0, weights == null ? null : weights + first, _counts[head]) { Sum = sum, Before = first };
        return made + 1;
    }

    private HeadBlocks[] CloneBlocks() => Array.ConvertAll(_blocks, blocks => blocks.Clone());

    /// <summary>Refuses what needs all entries in rows.</summary>
    private void RefuseSealed(string what)
    {
        if (IsSealed) throw new InvalidOperationException($"layer {_layer}: {what}, and its entries are sealed as {_cache.Format!.Name}");
    }

    /// <summary>Attention over blocks and rows.</summary>
    private void AttendSealed(ReadOnlySpan<float> queries, Span<float> output, float scale, int? slidingWindow, float* weights)
    {
        const int each = MostRunsOfHead;
        var runs = Heads <= MostOnStack / each ? stackalloc Run[each * Heads] : new Run[each * Heads];
        var firstRun = Heads < MostOnStack ? stackalloc int[Heads + 1] : new int[Heads + 1];
        var (group, made) = (queries.Length / Dim / Heads, 0);
        for (var h = 0; h < Heads; h++)
        {
            var (first, sealedEntries) = (FirstSeen(h, slidingWindow), _blocks[h].Entries);
            firstRun[h] = made;
            made += RunsOf(h, first, _counts[h], runs[made..], weights);
            TouchedBytes += _blocks[h].BytesFrom(first) + (long)(_counts[h] - Math.Max(first, sealedEntries)) * _cache.Shape.EntryBytes;
            if (weights == null) continue;
            for (var g = 0; g < group; g++) new Span<float>(weights + (long)g * _counts[h], first).Clear();
            weights += (long)group * _counts[h];
        }
        firstRun[Heads] = made;
        RaggedAttention.Decode(queries, new RaggedHeads(runs[..made], firstRun, _cache.Shape.Format, Dim), output, scale);
        GC.KeepAlive(this);
    }
}
