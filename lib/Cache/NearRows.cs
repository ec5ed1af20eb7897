namespace HeadKvLab.Cache;

/// <summary>
/// The near memory of a layer whose entries lie in a far one: copies of the rows that tokens chose to read. A token's step first forgets what was not chosen in the last R steps, then
/// fetches what it chooses and is not there; attention reads the copies alone. So a head holds at most what R + 1 steps choose, by all query heads that read it: no more than
/// (R + 1) x query heads x budget entries. An entry that has just been computed is near without being fetched; if it is not chosen, it is far from the next step on.
/// Far and near are both main memory here: what is told is what a device would have to move. Source: ClusterKV, arXiv 2412.03213, section on caching.
/// </summary>
internal sealed unsafe class NearRows
{
    private const int Fresh = -1; // nothing is known of a head: all entries but the last are far

    private readonly int _rowBytes;
    private readonly Head[] _heads;

    /// <summary>The entries of one head.</summary>
    private sealed class Head
    {
        internal readonly Dictionary<int, int> Slots = []; // of an entry
        internal readonly Stack<int> Free = [];
        internal readonly List<(int Entry, int Step)> Taken = []; // [slot], and when it was chosen last; -1: free
        internal byte[] Rows = [];                               // [slot][key, value][dim], pinned
        internal int Step, Known = Fresh, Born;                  // entries before Born are far unless they are in a slot
    }

    /// <summary>Creates an empty one.</summary>
    /// <param name="heads">Heads of the layer.</param>
    /// <param name="rowBytes">Bytes of a key, and of a value.</param>
    /// <param name="steps">Steps that are remembered, R.</param>
    internal NearRows(int heads, int rowBytes, int steps) => (Steps, _rowBytes, _heads) = (steps, rowBytes, [.. Enumerable.Range(0, heads).Select(_ => new Head())]);

    /// <summary>Steps that are remembered, R.</summary>
    internal int Steps { get; }

    /// <summary>Entries that were fetched.</summary>
    internal long Fetched { get; private set; }

    /// <summary>Entries that were chosen and near, those of each head's first step left out; one that several query heads chose counts once.</summary>
    internal long Hits { get; private set; }

    /// <summary>Entries that were chosen, likewise.</summary>
    internal long Chosen { get; private set; }

    /// <summary>Most entries of all heads together that were near at once.</summary>
    internal long Peak { get; private set; }

    /// <summary>Bytes of the memory that holds them.</summary>
    internal long ReservedBytes => _heads.Sum(head => (long)head.Rows.Length);

    /// <summary>Begins a step.</summary>
    /// <param name="counts">Entries of each head, that of the token the last.</param>
    internal void Begin(ReadOnlySpan<int> counts)
    {
        for (var h = 0; h < _heads.Length; h++)
        {
            var head = _heads[h];
            head.Step++;
            (head.Born, head.Known) = (head.Known == Fresh ? counts[h] - 1 : head.Known, counts[h]);
            for (var slot = 0; slot < head.Taken.Count; slot++)
                if (head.Taken[slot] is { Entry: >= 0 } taken && head.Step - taken.Step > Steps) Release(head, slot);
        }
    }

    /// <summary>Copies consecutive entries of a head out of the near memory, fetching those that are not there.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="first">Index of the first.</param>
    /// <param name="count">How many.</param>
    /// <param name="farKeys">Where the key of entry 0 lies.</param>
    /// <param name="farValues">Where its value lies.</param>
    /// <param name="keys">Receives the keys.</param>
    /// <param name="values">Receives the values.</param>
    internal void Read(int kvHead, int first, int count, byte* farKeys, byte* farValues, byte* keys, byte* values)
    {
        var head = _heads[kvHead];
        for (var entry = first; entry < first + count; entry++, keys += _rowBytes, values += _rowBytes)
        {
            var slot = Choose(head, entry, farKeys, farValues);
            fixed (byte* row = &head.Rows[(long)slot * 2 * _rowBytes])
            {
                Buffer.MemoryCopy(row, keys, _rowBytes, _rowBytes);
                Buffer.MemoryCopy(row + _rowBytes, values, _rowBytes, _rowBytes);
            }
        }
        Peak = Math.Max(Peak, _heads.Sum(one => (long)one.Slots.Count));
    }

    /// <summary>Forgets entries of a head, from one on: they are gone, or others stand in their place.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="from">The first of them.</param>
    /// <param name="stay">Entries that the head still holds; what is appended behind them is computed anew.</param>
    internal void Forget(int kvHead, int from, int stay)
    {
        var head = _heads[kvHead];
        for (var slot = 0; slot < head.Taken.Count; slot++)
            if (head.Taken[slot].Entry >= from) Release(head, slot);
        head.Known = from == 0 ? Fresh : Math.Min(head.Known, stay);
    }

    private static void Release(Head head, int slot)
    {
        head.Slots.Remove(head.Taken[slot].Entry);
        head.Taken[slot] = (-1, 0);
        head.Free.Push(slot);
    }

    /// <summary>The slot of an entry that is chosen.</summary>
    private int Choose(Head head, int entry, byte* farKeys, byte* farValues)
    {
        var near = head.Slots.TryGetValue(entry, out var slot);
        if (near && head.Taken[slot].Step == head.Step) return slot; // another query head chose it
        var known = near || entry >= head.Born;
        if (head.Step > 1) (Chosen, Hits) = (Chosen + 1, Hits + (known ? 1 : 0));
        if (!known) Fetched++;
        if (!near) slot = Copy(head, entry, farKeys, farValues);
        head.Taken[slot] = (entry, head.Step);
        return slot;
    }

    private int Copy(Head head, int entry, byte* farKeys, byte* farValues)
    {
        if (!head.Free.TryPop(out var slot))
        {
            slot = head.Taken.Count;
            head.Taken.Add((-1, 0));
            if ((slot + 1L) * 2 * _rowBytes > head.Rows.Length)
            {
                var more = GC.AllocateUninitializedArray<byte>(checked((slot + slot / 2 + 16) * 2 * _rowBytes), pinned: true);
                head.Rows.CopyTo(more, 0);
                head.Rows = more;
            }
        }
        fixed (byte* row = &head.Rows[(long)slot * 2 * _rowBytes])
        {
            Buffer.MemoryCopy(farKeys + (long)entry * _rowBytes, row, _rowBytes, _rowBytes);
            Buffer.MemoryCopy(farValues + (long)entry * _rowBytes, row + _rowBytes, _rowBytes, _rowBytes);
        }
        head.Slots[entry] = slot;
        return slot;
    }
}
