using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <content>Where the entries lie: moving, growing, writing single rows.</content>
public sealed unsafe partial class LayerCache
{
    private void Clear()
    {
        Array.Clear(_counts);
        Array.Clear(_bias);
        _summarised = false;
    }

    private void Summarise(int head, Summary summary)
    {
        Write(head, -1, summary.Key, summary.Value);
        _bias[head] = MathF.Log(summary.Dropped);
        _summarised = true;
    }

    private void Write(int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        var at = (_offsets[head] + _counts[head]) * RowBytes;
        _cache.Shape.Element.Narrow(key, _keyData + at);
        _cache.Shape.Element.Narrow(value, _valueData + at);
        _positions[head][_counts[head]++] = position;
    }

    private void Grew(int tokens)
    {
        for (var h = 0; h < Heads; h++)
            for (var t = 0; t < tokens; t++) _positions[h][_counts[h]++] = _cache.LogicalLength + t;
        _room -= tokens;
    }

    private void MakeRoom(int tokens)
    {
        if (_room >= tokens && _keys is not null) return;
        var longest = 0;
        foreach (var count in _counts) longest = Math.Max(longest, count);
        Layout(_counts, Math.Max(Math.Max(tokens, _reserved), longest == 0 ? 0 : Math.Max(SmallestRoom + tokens, longest / 4)));
    }

    /// <summary>Moves the stored entries to buffers in which head h has <c>counts[h] + room</c> entries.</summary>
    private void Layout(ReadOnlySpan<int> counts, int room)
    {
        long total = 0;
        Span<long> offsets = stackalloc long[Heads];
        for (var h = 0; h < Heads; h++)
        {
            offsets[h] = total;
            total += counts[h] + room;
        }
        var (oldKeys, oldValues) = (_keys, _values);
        byte* oldKeyData = _keyData, oldValueData = _valueData;
        var storage = _cache.Shape.Storage;
        Hold(empty(total, Dim, dtype: storage), empty(total, Dim, dtype: storage));
        for (var h = 0; h < Heads; h++)
        {
            var (from, to, bytes) = (_offsets[h] * RowBytes, offsets[h] * RowBytes, (long)_counts[h] * RowBytes);
            if (bytes > 0)
            {
                Buffer.MemoryCopy(oldKeyData + from, _keyData + to, bytes, bytes);
                Buffer.MemoryCopy(oldValueData + from, _valueData + to, bytes, bytes);
            }
            Array.Resize(ref _positions[h], counts[h] + room);
        }
        offsets.CopyTo(_offsets);
        _room = room;
        oldKeys?.Dispose();
        oldValues?.Dispose();
    }

    private void Hold(Tensor keys, Tensor values)
    {
        _keys = keys.DetachFromDisposeScope();
        _values = values.DetachFromDisposeScope();
        _keyData = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(_keys.bytes));
        _valueData = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(_values.bytes));
    }

    /// <summary>Keys of one head as a view <c>[entry, dim]</c> of the storage.</summary>
    internal Tensor KeysOf(int head) => _keys!.narrow(0, _offsets[head], _counts[head]);

    /// <summary>Values of one head as a view <c>[entry, dim]</c> of the storage.</summary>
    internal Tensor ValuesOf(int head) => _values!.narrow(0, _offsets[head], _counts[head]);

    /// <summary>What is added to the logit of a head's first entry.</summary>
    internal float BiasOf(int head) => _bias[head];

    private Tensor View(Tensor? storage)
    {
        if (!IsUniform) throw new InvalidOperationException($"layer {_layer} is ragged: its heads cannot be viewed as one tensor");
        return storage is null
            ? empty(Heads, 0, Dim, dtype: _cache.Shape.Storage)
            : storage.view(Heads, _counts[0] + _room, Dim).narrow(1, 0, _counts[0]);
    }
}
