using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <content>Where the entries lie: moving, growing, writing single rows.</content>
public sealed unsafe partial class LayerCache
{
    private void Clear()
    {
        for (var h = 0; h < Heads; h++) Changed(h, 0);
        Array.Clear(_counts);
        Array.Clear(_bias);
        (_blocks, _latent) = ([], null);
        _summarised = false;
    }

    private void Summarise(int head, MergedEntry summary)
    {
        Write(head, -1, summary.Key, summary.Value);
        _bias[head] = MathF.Log(summary.Dropped);
        _summarised = true;
    }

    /// <summary>Writes the rows of some positions behind a head's entries; changed ones, <c>[entry, dim]</c>, in their place.</summary>
    private void Write(int head, ReadOnlySpan<int> positions, float* keys, float* values, (float[]? Keys, float[]? Values) changed = default)
    {
        for (var entry = 0; entry < positions.Length; entry++)
        {
            var first = (long)positions[entry] * Dim;
            Write(head, positions[entry], changed.Keys is { } k ? k.AsSpan(entry * Dim, Dim) : new(keys + first, Dim), changed.Values is { } v ? v.AsSpan(entry * Dim, Dim) : new(values + first, Dim));
        }
    }

    private void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        var at = (_offsets[head] + Open(head)) * RowBytes;
        _cache.Shape.Format.Narrow(key, _keyData + at);
        _cache.Shape.Format.Narrow(value, _valueData + at);
        _positions[head][_counts[head]++] = position;
    }

    /// <summary>Puts an entry of a head into the place of an earlier one.</summary>
    private void Move(int head, int from, int to)
    {
        if (from == to) return;
        long source = (_offsets[head] + from) * RowBytes, target = (_offsets[head] + to) * RowBytes;
        Buffer.MemoryCopy(_keyData + source, _keyData + target, RowBytes, RowBytes);
        Buffer.MemoryCopy(_valueData + source, _valueData + target, RowBytes, RowBytes);
        _positions[head][to] = _positions[head][from];
        for (var mark = 0; mark < MarkCount; mark++) MarkRow(head, mark)[to] = MarkRow(head, mark)[from];
    }

    private void Grew(int tokens)
    {
        for (var h = 0; h < Heads; h++)
        {
            for (var mark = 0; mark < MarkCount; mark++) MarkRow(h, mark).Slice(_counts[h], tokens).Clear();
            for (var t = 0; t < tokens; t++) _positions[h][_counts[h]++] = _cache.LogicalLength + t;
        }
        if (_blocks.Length > 0) SealWaiting(_cache.Format!);
    }

    private void MakeRoom(int tokens)
    {
        if (_keys is not null && Room >= tokens) return;
        var longest = 0;
        for (var h = 0; h < Heads; h++) longest = Math.Max(longest, Open(h));
        Layout(_counts, Math.Max(Math.Max(tokens, _reserved), longest == 0 ? 0 : Math.Max(SmallestRoom + tokens, longest / 4)));
    }

    /// <summary>Moves the rows to buffers in which head h has room for <c>counts[h] + room</c> entries, those in its blocks left out.</summary>
    private void Layout(ReadOnlySpan<int> counts, int room)
    {
        long total = 0;
        Span<long> offsets = Heads <= MostOnStack ? stackalloc long[Heads] : new long[Heads];
        var positions = new int[Heads][];
        for (var h = 0; h < Heads; h++)
        {
            offsets[h] = total;
            total += counts[h] - Sealed(h) + room;
            positions[h] = new int[counts[h] + room];
            _positions[h].AsSpan(0, _counts[h]).CopyTo(positions[h]);
        }
        var (oldKeys, oldValues) = (_keys, _values);
        byte* oldKeyData = _keyData, oldValueData = _valueData;
        var storage = _cache.Shape.Storage;
        using var scope = NewDisposeScope(); // nothing has changed if memory ends here
        Hold(empty(total, Dim, dtype: storage), empty(total, Dim, dtype: storage));
        for (var h = 0; h < Heads; h++)
        {
            var (from, to, bytes) = (_offsets[h] * RowBytes, offsets[h] * RowBytes, (long)Open(h) * RowBytes);
            if (bytes > 0)
            {
                Buffer.MemoryCopy(oldKeyData + from, _keyData + to, bytes, bytes);
                Buffer.MemoryCopy(oldValueData + from, _valueData + to, bytes, bytes);
            }
        }
        if (MarkCount > 0) MoveMarks(positions);
        positions.CopyTo(_positions, 0);
        offsets.CopyTo(_offsets);
        oldKeys?.Dispose();
        oldValues?.Dispose();
    }

    private void Hold(Tensor keys, Tensor values)
    {
        _keys = keys.DetachFromDisposeScope();
        _values = values.DetachFromDisposeScope();
        _rows = _keys.shape[0];
        _keyData = (byte*)TensorMemory.Address(_keys);
        _valueData = (byte*)TensorMemory.Address(_values);
    }

    /// <summary>Keys of one head as a view <c>[entry, dim]</c> of the storage.</summary>
    internal Tensor KeysOf(int head) => Rows(_keys).narrow(0, _offsets[head], _counts[head]);

    /// <summary>Values of one head as a view <c>[entry, dim]</c> of the storage.</summary>
    internal Tensor ValuesOf(int head) => Rows(_values).narrow(0, _offsets[head], _counts[head]);

    private Tensor Rows(Tensor? storage)
    {
        CheckAlive();
        RefuseSealed("a head's rows are viewed as a tensor");
        return storage ?? throw new InvalidOperationException($"layer {_layer} holds no entries yet");
    }

    /// <summary>What is added to the logit of a head's first entry.</summary>
    internal float BiasOf(int head) => _bias[head];

    private Tensor View(Tensor? storage)
    {
        CheckAlive();
        if (!IsUniform) throw new InvalidOperationException($"layer {_layer} is ragged: its heads cannot be viewed as one tensor");
        return storage is null
            ? empty(Heads, 0, Dim, dtype: _cache.Shape.Storage)
            : storage.view(Heads, Capacity(0), Dim).narrow(1, 0, _counts[0]);
    }
}
