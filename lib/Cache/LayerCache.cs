using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <summary>
/// The entries of one layer. Two buffers, keys and values, <c>[entry, dim]</c>: head after head, each head's entries contiguous
/// in ascending position, followed by room to grow, the same for every head. Appending writes into the room; only when it is used
/// up the layer moves, to a quarter more.
/// Entry 0 of a head may be a summary of what was dropped; it has position -1 and a bias on its logit.
/// Once the cache is disposed, every use is an <see cref="ObjectDisposedException"/>.
/// </summary>
public sealed unsafe partial class LayerCache
{
    private const int SmallestRoom = 64;
    private const int MostOnStack = 256; // heads

    private readonly RaggedCache _cache;
    private readonly int _layer;
    private readonly int[] _counts;    // [head]
    private readonly long[] _offsets;  // [head], first entry of the head in the buffers
    private readonly int[][] _positions; // [head][entry]
    private readonly float[] _bias;    // [head], added to the logit of entry 0
    private float[][] _marks = [];     // [head][mark * capacity + entry], empty unless reserved; pinned, for the kernel
    private int _reserved;             // room asked for
    private bool _summarised, _disposed;
    private Tensor? _keys, _values;    // [entry, dim]
    private long _rows;                // entries that fit into them
    private byte* _keyData, _valueData;

    internal LayerCache(RaggedCache cache, int layer)
    {
        _cache = cache;
        _layer = layer;
        var heads = cache.Shape.KvHeads;
        _counts = new int[heads];
        _offsets = new long[heads];
        _positions = new int[heads][];
        _bias = new float[heads];
        Array.Fill(_positions, []);
    }

    /// <summary>Entries of each head, <c>[kvHead]</c>.</summary>
    public ReadOnlySpan<int> Counts
    {
        get
        {
            CheckAlive();
            return _counts;
        }
    }

    /// <summary>Entries of all heads.</summary>
    public long Entries
    {
        get
        {
            CheckAlive();
            long entries = 0;
            foreach (var count in _counts) entries += count;
            return entries;
        }
    }

    /// <summary>Whether all heads have the same number of entries, equally far apart, and none is a summary, so that they can be viewed as one tensor.</summary>
    public bool IsUniform
    {
        get
        {
            if (_summarised || IsSealed || _counts.AsSpan().IndexOfAnyExcept(_counts[0]) >= 0) return false;
            for (var h = 1; h < Heads; h++)
                if (Capacity(h) != Capacity(0)) return false;
            return true;
        }
    }

    internal long ReservedBytes =>
        _keys is null ? 0 : _keys.NumberOfElements * _keys.ElementSize + _values!.NumberOfElements * _values.ElementSize + _blocks.Sum(blocks => blocks.ReservedBytes) + (Near?.ReservedBytes ?? 0) + LatentReservedBytes;

    private int Heads => _counts.Length;

    /// <summary>Entries every head can still take.</summary>
    private int Room
    {
        get
        {
            var room = int.MaxValue;
            for (var h = 0; h < Heads; h++) room = (int)Math.Min(room, Capacity(h) - Open(h));
            return room;
        }
    }

    /// <summary>Entries of a head that lie in rows.</summary>
    private int Open(int head) => _counts[head] - Sealed(head);

    /// <summary>Rows that fit where a head lies.</summary>
    private long Capacity(int head) => (head + 1 < Heads ? _offsets[head + 1] : _rows) - _offsets[head];

    private int Dim => _cache.Shape.HeadDim;

    private int RowBytes => _cache.Shape.EntryBytes / 2;

    /// <summary>Positions of a head's entries in the text, ascending: the kept-token map. A summary has position -1.</summary>
    public ReadOnlySpan<int> Positions(int kvHead) => _positions[kvHead].AsSpan(0, Counts[kvHead]);

    /// <summary>Keys of all heads as a view <c>[kvHead, entry, dim]</c> of the storage; see <see cref="IsUniform"/>.</summary>
    public Tensor Keys() => View(_keys);

    /// <summary>Values of all heads as a view <c>[kvHead, entry, dim]</c> of the storage; see <see cref="IsUniform"/>.</summary>
    public Tensor Values() => View(_values);

    /// <summary>Appends tokens to every head.</summary>
    /// <param name="keys">Keys after RoPE, <c>[kvHead, token, dim]</c>; fewer heads than the cache has serve groups of its heads.</param>
    /// <param name="values">Values, same shape.</param>
    public void Append(Tensor keys, Tensor values)
    {
        Check(keys, values);
        var tokens = (int)keys.shape[1];
        MakeRoom(tokens);
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var group = Heads / (int)keys.shape[0];
        for (var h = 0; h < Heads; h++)
        {
            var end = _offsets[h] + Open(h);
            _keys!.narrow(0, end, tokens).copy_(keys.select(0, h / group));
            _values!.narrow(0, end, tokens).copy_(values.select(0, h / group));
        }
        Grew(tokens);
    }

    /// <summary>Appends one token to every head; allocates nothing while there is room.</summary>
    /// <param name="keys">Its keys after RoPE, <c>[kvHead * dim]</c>; fewer heads than the cache has serve groups of its heads.</param>
    /// <param name="values">Its values, same shape.</param>
    public void Append(ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        var given = keys.Length / Dim;
        if (keys.Length != values.Length || given == 0 || keys.Length % Dim != 0 || Heads % given != 0)
            throw new ArgumentException($"{keys.Length} key and {values.Length} value numbers do not make one entry of dimension {Dim} for {Heads} heads");
        CheckAlive();
        MakeRoom(1);
        var (group, format) = (Heads / given, _cache.Shape.Format);
        for (var h = 0; h < Heads; h++)
        {
            var at = (_offsets[h] + Open(h)) * RowBytes;
            var source = h / group * Dim;
            format.Narrow(keys.Slice(source, Dim), _keyData + at);
            format.Narrow(values.Slice(source, Dim), _valueData + at);
        }
        Grew(1);
        GC.KeepAlive(this);
    }

    /// <summary>Stores some positions of a prompt, replacing what the layer held.</summary>
    /// <param name="keys">All keys, <c>[kvHead, position, dim]</c>, float32; fewer heads than the cache has serve groups of its heads.</param>
    /// <param name="values">All values, same shape.</param>
    /// <param name="kept">Positions to copy, ascending, <c>[head][entry]</c>.</param>
    /// <param name="summaries">What stands for the positions not copied, or null.</param>
    public void Store(Tensor keys, Tensor values, ReadOnlySpan<int[]> kept, MergedEntry[]? summaries = null) => Store(keys, values, kept, summaries, null);

    /// <summary>Stores some positions of a prompt as a settlement left them, replacing what the layer held.</summary>
    /// <param name="keys">All keys, <c>[kvHead, position, dim]</c>, float32; fewer heads than the cache has serve groups of its heads.</param>
    /// <param name="values">All values, same shape.</param>
    /// <param name="rows">Positions to copy, their rows where they were changed, and what stands for the others.</param>
    public void Store(Tensor keys, Tensor values, KeptRows rows) => Store(keys, values, rows.Kept, rows.Summaries, rows);

    private void Store(Tensor keys, Tensor values, ReadOnlySpan<int[]> kept, MergedEntry[]? summaries, KeptRows? rows)
    {
        Check(keys, values);
        if (kept.Length != Heads) throw new ArgumentException($"positions of {kept.Length} heads were given, the layer has {Heads}", nameof(kept));
        for (var h = 0; h < Heads; h++) CheckPositions(h, kept[h], (int)keys.shape[1]);
        using var scope = NewDisposeScope();
        var (keyRows, valueRows) = (Plain(keys), Plain(values));
        var (group, headNumbers) = (Heads / (int)keys.shape[0], keys.shape[1] * Dim);
        Span<int> counts = new int[Heads];
        for (var h = 0; h < Heads; h++) counts[h] = kept[h].Length + (summaries?[h].Dropped > 0 ? 1 : 0);
        Clear();
        Layout(counts, _reserved);
        for (var h = 0; h < Heads; h++)
        {
            if (summaries?[h] is { Dropped: > 0 } summary) Summarise(h, summary);
            var first = h / group * headNumbers;
            Write(h, kept[h], (float*)TensorMemory.Address(keyRows) + first, (float*)TensorMemory.Address(valueRows) + first, rows?.Changed(h) ?? default);
        }
        GC.KeepAlive((keyRows, valueRows, this));
    }

    /// <summary>Stores some positions of one head, replacing what that head held; the other heads move along.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="keys">Its keys, <c>[position, dim]</c>, float32.</param>
    /// <param name="values">Its values, same shape.</param>
    /// <param name="positions">Positions to copy, ascending.</param>
    public void Store(int kvHead, Tensor keys, Tensor values, ReadOnlySpan<int> positions)
    {
        if (keys.ndim != 2 || keys.shape[1] != Dim || !keys.shape.AsSpan().SequenceEqual(values.shape))
            throw new ArgumentException($"layer {_layer}: keys and values of a head must both be [position, {Dim}]");
        CheckPositions(kvHead, positions, (int)keys.shape[0]);
        CheckAlive();
        using var scope = NewDisposeScope();
        var (keyRows, valueRows) = (Plain(keys), Plain(values));
        Changed(kvHead, 0);
        _counts[kvHead] = 0;
        _bias[kvHead] = 0;
        RefuseSealed("the entries of one head are replaced");
        Span<int> counts = (int[])_counts.Clone();
        counts[kvHead] = positions.Length;
        Layout(counts, _reserved);
        Write(kvHead, positions, (float*)TensorMemory.Address(keyRows), (float*)TensorMemory.Address(valueRows));
        GC.KeepAlive((keyRows, valueRows, this));
    }

    internal LayerCache CloneFor(RaggedCache cache)
    {
        CheckAlive();
        var copy = new LayerCache(cache, _layer) { _reserved = _reserved, _summarised = _summarised, _blocks = CloneBlocks() };
        copy.Choose(Recall?.Clone(), Near?.Steps ?? 0);
        _counts.CopyTo(copy._counts, 0);
        _offsets.CopyTo(copy._offsets, 0);
        _bias.CopyTo(copy._bias, 0);
        for (var h = 0; h < Heads; h++) copy._positions[h] = (int[])_positions[h].Clone();
        (copy.MarkCount, copy._marks) = (MarkCount, [.. _marks.Select(CopyOfMarks)]);
        using var scope = NewDisposeScope();
        if (_keys is not null) copy.Hold(_keys.clone(), _values!.clone());
        return copy;
    }

    internal void Dispose()
    {
        _keys?.Dispose();
        _values?.Dispose();
        (_keys, _values, _blocks, _latent, _disposed) = (null, null, [], null, true);
        _keyData = _valueData = null;
        Array.Clear(_counts);
    }

    private void CheckAlive() => ObjectDisposedException.ThrowIf(_disposed, _cache);

    /// <summary>As float32, numbers beside each other; the current scope owns what is made for it.</summary>
    private static Tensor Plain(Tensor tensor) => tensor.to_type(ScalarType.Float32).contiguous();

    private void Check(Tensor keys, Tensor values)
    {
        CheckAlive();
        if (keys.ndim != 3 || keys.shape[2] != Dim || keys.shape[0] == 0 || Heads % keys.shape[0] != 0)
            throw new ArgumentException($"layer {_layer}: keys must be [kvHead, position, dim] = [{Heads} or a divisor, n, {Dim}], they are [{string.Join(", ", keys.shape)}]");
        if (!keys.shape.AsSpan().SequenceEqual(values.shape))
            throw new ArgumentException($"layer {_layer}: values [{string.Join(", ", values.shape)}] and keys [{string.Join(", ", keys.shape)}] differ in shape");
    }

    private static void CheckPositions(int head, ReadOnlySpan<int> positions, int length)
    {
        var last = -1;
        foreach (var position in positions)
        {
            if (position <= last || position >= length)
                throw new ArgumentException($"head {head}: position {position} follows {last} in a prompt of {length} tokens: positions must ascend and lie inside");
            last = position;
        }
    }
}
