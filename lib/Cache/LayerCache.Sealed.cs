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

    /// <summary>The same as papers count them: <see cref="EntryFormat.NominalBits"/>, or the bits of a latent vector for every token of its group.</summary>
    internal long NominalBytes => _cache.Format is not { } format ? StoredBytes
        : _latent is null ? Entries * format.NominalBits(_layer, Dim) / 8 : LatentBytes == 0 ? 0 : (long)_counts[0] * _latent.Rows.Rank * format.Bits / 8;

    /// <summary>Entries of a head that are sealed: the first ones.</summary>
    public int Sealed(int kvHead) => _blocks.Length == 0 ? _latent?.Rows.Entries ?? 0 : _blocks[kvHead].Entries;

    /// <summary>Seals the entries of every head but the latest, as the cache's <see cref="RaggedCache.Format"/> says, and gives their memory back.</summary>
    /// <param name="format">How they are stored.</param>
    /// <param name="queries">Mean squares of the prompt's last queries, <c>[kvHead * dim]</c>; looked at where keys are to lack channels.</param>
    /// <exception cref="ModelOverflow">A number is infinite or none.</exception>
    internal void SealAll(EntryFormat format, ReadOnlySpan<double> queries)
    {
        CheckAlive();
        if (_blocks.Length > 0) throw new InvalidOperationException($"layer {_layer} is sealed already");
        if (_keys is null || format.Blocks(_layer, Dim) is not { } lie) return;
        if (lie.Dropped > 0 && queries.Length != Heads * Dim) throw new InvalidOperationException($"layer {_layer}: {format.Name} chooses channels by {Heads * Dim} mean squares of queries, {queries.Length} were given");
        Recall?.Learn(this);
        var blocks = new HeadBlocks[Heads];
        for (var h = 0; h < Heads; h++)
        {
            blocks[h] = new(lie, Dim, lie.Dropped > 0 ? Channels(h, queries.Slice(h * Dim, Dim), lie.Dropped, format) : []);
            foreach (var block in format.BlocksOf(_counts[h])) SealRows(h, blocks[h], blocks[h].Entries, block);
            blocks[h].Trim();
        }
        Adopt(blocks);
    }

    /// <summary>The channels that a head's keys keep, pinned for the kernel.</summary>
    private ushort[] Channels(int head, ReadOnlySpan<double> queries, int dropped, EntryFormat format)
    {
        Span<double> squares = new double[Dim];
        Span<float> key = new float[Dim];
        for (var entry = 0; entry < _counts[head]; entry++)
        {
            _cache.Shape.Format.Widen(_keyData + (_offsets[head] + entry) * RowBytes, key);
            for (var c = 0; c < Dim; c++) squares[c] += (double)key[c] * key[c];
        }
        var kept = KeyChannels.Keep(queries, squares, dropped) ?? throw Overflow(head, "a query or a key", format);
        var pinned = GC.AllocateUninitializedArray<ushort>(kept.Length, pinned: true);
        kept.CopyTo(pinned, 0);
        return pinned;
    }

    private ModelOverflow Overflow(int head, string what, EntryFormat format) => new($"layer {_layer}, head {head}: {what} is infinite or no number, and {format.Name} has no code for it: the model's numbers overflow; use @bf16, or no format");

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
        if (!done) throw Overflow(head, "a key or a value", _cache.Format!);
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
