using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <content>Entries that a token chooses to read.</content>
public sealed unsafe partial class LayerCache
{
    /// <summary>Chooses what each token reads; null: all of it.</summary>
    public IRecallIndex? Recall { get; private set; }

    /// <summary>Holds what was chosen of late, where the entries lie far; null: they are near.</summary>
    internal NearRows? Near { get; private set; }

    /// <summary>Has an index choose what is read.</summary>
    /// <param name="recall">The index; null: everything is read.</param>
    /// <param name="near">Steps that a near memory remembers; 0: there is none.</param>
    internal void Choose(IRecallIndex? recall, int near) => (Recall, Near) = (recall, recall is not null && near > 0 ? new(Heads, RowBytes, near) : null);

    /// <summary>Reads keys as float32.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="first">Index of the first entry.</param>
    /// <param name="rows">Receives the keys of as many entries as it has room for, <c>[entry, dim]</c>.</param>
    public void ReadKeys(int kvHead, int first, Span<float> rows)
    {
        CheckAlive();
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + rows.Length / Dim, _counts[kvHead], nameof(rows));
        var blocks = Math.Clamp(Sealed(kvHead) - first, 0, rows.Length / Dim);
        for (var entry = 0; entry < blocks; entry++) _blocks[kvHead].Read(first + entry, rows.Slice(entry * Dim, Dim), []);
        _cache.Shape.Format.Widen(_keyData + (_offsets[kvHead] + first + blocks - Sealed(kvHead)) * RowBytes, rows[(blocks * Dim)..]);
        GC.KeepAlive(this);
    }

    /// <summary>Bytes that reading a head's keys touches, from one entry on.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="first">Index of the first entry.</param>
    public long KeyBytes(int kvHead, int first) =>
        (_blocks.Length == 0 ? 0 : _blocks[kvHead].KeyBytesFrom(first)) + (long)Math.Max(0, _counts[kvHead] - Math.Max(first, Sealed(kvHead))) * RowBytes;

    /// <summary>Attends over what the recall chooses.</summary>
    /// <returns>False where it chooses everything: nothing was computed.</returns>
    private bool AttendChosen(IRecallIndex recall, ReadOnlySpan<float> queries, Span<float> output, float scale, int? slidingWindow, float* weights, StepSum? sum)
    {
        var (choice, queryHeads) = (_cache.Choice, queries.Length / Dim);
        if (queryHeads % Heads != 0) return false; // refused there
        var asked = recall.ByKvHead ? Heads : queryHeads;
        Near?.Begin(_counts);
        choice.Begin(Heads, asked);
        for (var h = 0; h < Heads; h++)
        {
            var first = FirstSeen(h, slidingWindow);
            choice.Sees(h, first, _counts[h] - first, first == 0 && _counts[h] > 0 && _positions[h][0] < 0);
        }
        recall.Choose(this, asked == queryHeads ? queries : choice.Sums(queries, Heads, Dim), choice);
        var read = choice.End();
        TouchedBytes += choice.IndexBytes;
        if (read is not { } entries) return false;
        if (_blocks.Length == 0) TouchedBytes += entries * _cache.Shape.EntryBytes;
        else
            for (var h = 0; h < Heads; h++) TouchedBytes += BytesOf(h, choice.Read(h));
        if (sum is not null) RefuseSealed("attention is added up beside the entries");
        Span<RunSum> sums = sum is null ? [] : asked <= MostOnStack ? stackalloc RunSum[asked] : new RunSum[asked];
        fixed (RunSum* all = sums) Attend(choice, queries, output, scale, weights, sum, all);
        return true;
    }

    private void Attend(RecallChoice choice, ReadOnlySpan<float> queries, Span<float> output, float scale, float* weights, StepSum? sum, RunSum* sums)
    {
        var (runs, firstRun) = choice.Memory(_blocks.Length == 0 ? 1 : MostRunsOfHead);
        var (made, asked) = (0, Heads * choice.Group);
        var sharing = queries.Length / Dim / asked; // query heads that read the same
        for (var q = 0; q < asked; q++)
        {
            var head = q / choice.Group;
            if (sum is { } wanted) sums[q] = SumOf(wanted, head, q % choice.Group);
            else if (weights != null) new Span<float>(weights, sharing * _counts[head]).Clear();
            firstRun[q] = made;
            if (weights == null && _blocks.Length == 0 && IsScattered(choice[q])) runs[made++] = Gather(head, choice[q], choice);
            else if (Near is not null)
                foreach (var (first, count) in choice[q]) runs[made++] = Gather(head, [new(first, count)], choice, weights, sum is null ? null : sums + q);
            else
                foreach (var (first, count) in choice[q]) made += RunsOf(head, first, first + count, runs[made..], weights, sum is null ? null : sums + q);
            if (weights != null) weights += (long)sharing * _counts[head];
        }
        firstRun[asked] = made;
        RaggedAttention.Decode(queries, new RaggedHeads(runs[..made], firstRun, _cache.Shape.Format, Dim), output, scale);
        GC.KeepAlive(this);
    }

    /// <summary>Whether copying entries together costs less than attending to each run of them and merging what each gives.</summary>
    private static bool IsScattered(ReadOnlySpan<EntryRun> chosen)
    {
        const int run = 16; // entries that take as long as a run more
        var entries = 0;
        foreach (var one in chosen) entries += one.Count;
        return chosen.Length > 1 && entries < run * chosen.Length;
    }

    /// <summary>The chosen entries of a head in one run: a copy.</summary>
    private Run Gather(int head, ReadOnlySpan<EntryRun> chosen, RecallChoice choice, float* weights = null, RunSum* sum = null)
    {
        var entries = 0;
        foreach (var one in chosen) entries += one.Count;
        var keys = choice.Take(2 * entries * RowBytes);
        var values = keys + entries * RowBytes;
        long at = 0;
        foreach (var (first, count) in chosen)
        {
            var (start, source, bytes) = (_offsets[head] * RowBytes, (_offsets[head] + first) * RowBytes, count * RowBytes);
            if (Near is { } near) near.Read(head, first, count, _keyData + start, _valueData + start, keys + at, values + at);
            else
            {
                Buffer.MemoryCopy(_keyData + source, keys + at, bytes, bytes);
                Buffer.MemoryCopy(_valueData + source, values + at, bytes, bytes);
            }
            at += bytes;
        }
        var begin = chosen[0].First;
        return new(keys, values, entries, begin == 0 ? _bias[head] : 0, weights == null ? null : weights + begin, _counts[head]) { Sum = sum, Before = begin };
    }

    /// <summary>Bytes that reading a head's marked entries touches: those of rows, and of whole blocks.</summary>
    private long BytesOf(int head, ReadOnlySpan<bool> read) =>
        _blocks[head].BytesOf(read[..Sealed(head)]) + (long)read[Sealed(head)..].Count(true) * _cache.Shape.EntryBytes;

    /// <summary>Tells the recall and the near memory that entries of a head have changed, from one on.</summary>
    private void Changed(int head, int from) => Changed(head, from, from);

    /// <summary>The same, where others stand in their place.</summary>
    private void Changed(int head, int from, int stay)
    {
        Recall?.Truncate(head, from);
        Near?.Forget(head, from, stay);
    }
}
