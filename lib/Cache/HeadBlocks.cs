using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <summary>
/// The sealed entries of one head: blocks one behind the other, of 64 entries each. The end of a prompt may seal one shorter block; those of
/// entries appended later follow it.
/// </summary>
/// <param name="format">How a block lies.</param>
/// <param name="dim">Numbers in a value, and in a key that lacks none.</param>
/// <param name="channels">Channels that keys have, ascending, pinned; empty: all.</param>
internal sealed unsafe class HeadBlocks(BlockFormat format, int dim, ushort[] channels)
{
    private byte[] _bytes = [];
    private int _before, _short, _after; // full blocks before the short one, its entries, full blocks behind it

    /// <summary>Most runs that <see cref="Runs"/> makes.</summary>
    public const int MostRuns = 3;

    /// <summary>Entries in the blocks.</summary>
    public int Entries => (_before + _after) * BlockFormat.Entries + _short;

    /// <summary>Bytes of the blocks, and of the list of channels.</summary>
    public long Bytes => BlockBytes + ListBytes;

    /// <summary>Bytes of the memory that holds them.</summary>
    public long ReservedBytes => _bytes.Length + ListBytes;

    private long BlockBytes => At(_before + _after) + (_short > 0 ? format.Bytes(_short, dim) : 0);

    private long ListBytes => (long)channels.Length * sizeof(ushort);

    /// <summary>Seals entries behind those sealed before.</summary>
    /// <param name="keys">Keys, <c>[entry, dim]</c>.</param>
    /// <param name="values">Values, same shape.</param>
    /// <param name="entries">Entries, 64, or fewer once.</param>
    /// <returns>False where a number is infinite or none: nothing was sealed.</returns>
    public bool Seal(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int entries)
    {
        var (start, bytes) = ((int)BlockBytes, format.Bytes(entries, dim));
        if (start + bytes + RaggedAttention.BlockSlack > _bytes.Length) Resize(start + bytes + RaggedAttention.BlockSlack + start / 4);
        if (!BlockSealer.Seal(format, keys, values, entries, dim, _bytes.AsSpan(start, bytes), channels)) return false;
        if (entries < BlockFormat.Entries) _short = _short == 0 ? entries : throw new InvalidOperationException($"a second short block, of {entries} entries");
        else if (_short == 0) _before++;
        else _after++;
        return true;
    }

    /// <summary>Gives back the room to grow.</summary>
    public void Trim() => Resize((int)BlockBytes + RaggedAttention.BlockSlack);

    /// <summary>A copy that shares nothing that changes.</summary>
    public HeadBlocks Clone()
    {
        var copy = new HeadBlocks(format, dim, channels) { _before = _before, _short = _short, _after = _after };
        copy.Resize(_bytes.Length);
        _bytes.CopyTo(copy._bytes, 0);
        return copy;
    }

    /// <summary>The runs that hold consecutive entries, as far as they are sealed.</summary>
    /// <param name="first">Index of the first entry.</param>
    /// <param name="last">Index behind the last one; what is not sealed is passed over.</param>
    /// <param name="runs">Receives them.</param>
    /// <param name="bias">Added to the logit of the head's entry 0.</param>
    /// <param name="weights">Where the weight of entry 0 goes; null: nobody wants them.</param>
    /// <param name="apart">Numbers from there to the weights of the next query.</param>
    /// <returns>How many runs.</returns>
    public int Runs(int first, int last, Span<Run> runs, float bias, float* weights, int apart)
    {
        var (made, begin, block) = (0, 0, 0);
        fixed (byte* start = _bytes) // pinned by birth: the addresses stay
        fixed (ushort* listed = channels)
            foreach (var (blocks, each) in (ReadOnlySpan<(int, int)>)[(_before, BlockFormat.Entries), (_short > 0 ? 1 : 0, _short), (_after, BlockFormat.Entries)])
            {
                var (end, skipped) = (Math.Min(blocks * each, last - begin), Math.Max(0, first - begin));
                if (skipped < end)
                {
                    var at = AddressOf(block) + (long)(skipped / each) * format.Bytes(each, dim);
                    runs[made++] = new(start + at, listed, end - skipped, begin + skipped == 0 ? bias : 0, weights == null ? null : weights + begin + skipped, apart, new(format, each, skipped % each));
                }
                (begin, block) = (begin + blocks * each, block + blocks);
            }
        return made;
    }

    /// <summary>Bytes of the blocks that hold the entries from one on.</summary>
    public long BytesFrom(int first) => first >= Entries ? 0 : Bytes - AddressOf(BlockOf(first)); // with the list

    /// <summary>Bytes of the keys, with their scales and zeros, of the blocks that hold the entries from one on.</summary>
    public long KeyBytesFrom(int first)
    {
        var bytes = first < Entries ? ListBytes : 0;
        for (var block = first < Entries ? BlockOf(first) : int.MaxValue; block <= BlockOf(Entries - 1); block++) bytes += format.ValueScalesAt(EntriesOf(block), dim);
        return bytes;
    }

    /// <summary>Bytes of the blocks in which an entry is marked: whoever reads one entry reads its block.</summary>
    /// <param name="marked">One for each entry, <c>[entry]</c>.</param>
    public long BytesOf(ReadOnlySpan<bool> marked)
    {
        long bytes = 0;
        for (var entry = 0; entry < Entries;)
        {
            var entries = EntriesOf(BlockOf(entry));
            if (marked.Slice(entry, entries).Contains(true)) bytes += format.Bytes(entries, dim);
            entry += entries;
        }
        return bytes == 0 ? 0 : bytes + ListBytes;
    }

    /// <summary>Reads an entry.</summary>
    /// <param name="entry">Its index.</param>
    /// <param name="key">Receives its key, 0 in the channels that it lacks; empty: it is not read.</param>
    /// <param name="value">Receives its value; empty: it is not read.</param>
    public void Read(int entry, Span<float> key, Span<float> value)
    {
        var block = BlockOf(entry);
        var (entries, first) = (EntriesOf(block), block <= _before || _short == 0 ? block * BlockFormat.Entries : (block - 1) * BlockFormat.Entries + _short);
        fixed (byte* start = _bytes)
        fixed (ushort* listed = channels)
        {
            if (!key.IsEmpty) BlockSealer.Key(format, start + AddressOf(block), entries, entry - first, key, listed);
            if (!value.IsEmpty) BlockSealer.Value(format, start + AddressOf(block), entries, entry - first, value);
        }
    }

    private int BlockOf(int entry)
    {
        var behind = entry - _before * BlockFormat.Entries; // the full blocks before the short one
        return behind < 0 || _short == 0 ? entry / BlockFormat.Entries : behind < _short ? _before : _before + 1 + (behind - _short) / BlockFormat.Entries;
    }

    private int EntriesOf(int block) => block == _before && _short > 0 ? _short : BlockFormat.Entries;

    /// <summary>Where a block begins.</summary>
    private long AddressOf(int block) => block <= _before || _short == 0 ? At(block) : At(block - 1) + format.Bytes(_short, dim);

    private long At(int fullBlocks) => (long)fullBlocks * format.Bytes(BlockFormat.Entries, dim);

    private void Resize(long bytes)
    {
        var moved = GC.AllocateArray<byte>(checked((int)bytes), pinned: true);
        _bytes.AsSpan(0, Math.Min(_bytes.Length, moved.Length)).CopyTo(moved);
        _bytes = moved;
    }
}
