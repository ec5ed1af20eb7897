using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <content>Entries that go later, and the memory they leave.</content>
public sealed unsafe partial class LayerCache
{
    /// <summary>Makes room for <paramref name="tokens"/> more tokens in every head.</summary>
    public void Reserve(int tokens)
    {
        CheckAlive();
        _reserved = Math.Max(0, tokens);
        if (_keys is not null && Room < _reserved) Layout(_counts, _reserved);
    }

    /// <summary>Keeps some of a head's entries where they lie and forgets the others; <see cref="Trim"/> gives their memory back.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="entries">Indices of the entries that stay, ascending.</param>
    /// <exception cref="ArgumentException">An index does not follow the one before it, or is none of the head's.</exception>
    public void Retain(int kvHead, ReadOnlySpan<int> entries)
    {
        CheckAlive();
        var last = -1;
        foreach (var entry in entries)
            last = entry > last && entry < _counts[kvHead] ? entry
                : throw new ArgumentException($"layer {_layer}, head {kvHead}: entry {entry} follows {last} of {_counts[kvHead]} entries: indices must ascend and lie inside", nameof(entries));
        if (entries.Length == _counts[kvHead]) return;
        RefuseSealed("entries are dropped");
        if (entries.IsEmpty || entries[0] != 0) _bias[kvHead] = 0;
        var same = 0;
        while (same < entries.Length && entries[same] == same) same++;
        Changed(kvHead, same, entries.Length);
        for (var to = same; to < entries.Length; to++) Move(kvHead, entries[to], to);
        _counts[kvHead] = entries.Length;
        GC.KeepAlive(this);
    }

    /// <summary>The same, with rows of those that stay changed.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="entries">Indices of the entries that stay, ascending.</param>
    /// <param name="rows">What a settlement made of them; null: they stay as they are.</param>
    /// <param name="row">The head's place in <paramref name="rows"/>.</param>
    internal void Retain(int kvHead, ReadOnlySpan<int> entries, KeptRows? rows, int row)
    {
        Retain(kvHead, entries);
        var (keys, values) = rows?.Changed(row) ?? default;
        if (keys is not null || values is not null) RefuseSealed("rows are changed");
        if (keys is not null) Changed(kvHead, 0);
        for (var entry = 0; entry < entries.Length; entry++)
        {
            var at = (_offsets[kvHead] + entry) * RowBytes;
            if (keys is not null) _cache.Shape.Format.Narrow(keys.AsSpan(entry * Dim, Dim), _keyData + at);
            if (values is not null) _cache.Shape.Format.Narrow(values.AsSpan(entry * Dim, Dim), _valueData + at);
        }
        GC.KeepAlive(this);
    }

    /// <summary>Moves the entries together, without room to grow beyond what was reserved, and gives the rest of the memory back.</summary>
    public void Trim()
    {
        CheckAlive();
        if (_keys is not null) Layout(_counts, _reserved);
    }

    /// <summary>Whether all tokens from a position on lie in rows, so that they can be taken back.</summary>
    internal bool CanTruncate(int position)
    {
        for (var h = 0; h < Heads && IsSealed; h++)
            if (Sealed(h) is var kept and > 0 && _positions[h][kept - 1] >= position) return false;
        return true;
    }

    /// <summary>Takes back the tokens from a position on; a disposed layer has none.</summary>
    internal void Truncate(int position)
    {
        for (var h = 0; h < Heads; h++)
        {
            while (_counts[h] > 0 && _positions[h][_counts[h] - 1] >= position) _counts[h]--;
            Changed(h, _counts[h]);
        }
    }
}
