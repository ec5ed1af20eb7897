using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <summary>Consecutive entries of a head.</summary>
/// <param name="First">Index of the first.</param>
/// <param name="Count">How many.</param>
public readonly record struct EntryRun(int First, int Count);

/// <summary>Runs in memory of what a token reads.</summary>
/// <param name="runs">The runs, query head after query head.</param>
/// <param name="firstRun">Where each query head's begin.</param>
internal readonly ref struct ChosenMemory(Span<Run> runs, Span<int> firstRun)
{
    private readonly Span<Run> _runs = runs;
    private readonly Span<int> _firstRun = firstRun;

    internal void Deconstruct(out Span<Run> runs, out Span<int> firstRun)
    {
        runs = _runs;
        firstRun = _firstRun;
    }
}

/// <summary>
/// The entries of a layer that one token reads: for each query head ascending runs of its KV head's entries; neighbours are joined. An entry that stands for dropped
/// ones is always read, beside what is chosen. One object serves all layers of a cache: nothing is allocated once it has grown.
/// </summary>
public sealed class RecallChoice
{
    private int[] _first = [], _count = []; // [kvHead], the entries a token sees
    private bool[] _summarised = [];        // [kvHead]
    private int[] _firstRun = [], _firstMemory = []; // [queryHead + 1]
    private EntryRun[] _runs = [];
    private Run[] _memory = [];
    private bool[] _read = [];
    private float[] _sums = [];
    private readonly List<byte[]> _copies = [];
    private int _page, _taken; // of the copies
    private int _queryHeads, _begun, _used;

    /// <summary>Query heads that share the entries of a KV head.</summary>
    public int Group { get; private set; }

    /// <summary>Bytes of the index, or of keys beside the chosen entries, that were read to choose; whoever chooses adds them up.</summary>
    public long IndexBytes { get; set; }

    /// <summary>Index of the first entry of a head that the token sees; above 0 behind a sliding window.</summary>
    public int First(int kvHead) => _first[kvHead];

    /// <summary>Goes on to the next query head, the first one first.</summary>
    /// <exception cref="InvalidOperationException">There is none, or nothing was chosen for the one before.</exception>
    public void Next()
    {
        CloseHead();
        if (_begun == _queryHeads) throw new InvalidOperationException($"a recall chooses for more than the {_queryHeads} query heads of the layer");
        _firstRun[_begun++] = _used;
        if (_summarised[KvHead]) Put(0, 1);
    }

    /// <summary>Chooses consecutive entries for the query head.</summary>
    /// <param name="first">Index of the first, behind what was chosen before.</param>
    /// <param name="count">How many; 0 is nothing.</param>
    /// <exception cref="InvalidOperationException">They do not follow what was chosen before, or the token does not see them.</exception>
    public void Add(int first, int count)
    {
        var (from, end) = (_first[KvHead], _first[KvHead] + _count[KvHead]);
        if (_summarised[KvHead] && first == 0 && count > 0) (first, count) = (1, count - 1);
        if (count == 0) return;
        if (count < 0 || first < from || first + count > end || (_used > _firstRun[_begun - 1] && first < _runs[_used - 1].First + _runs[_used - 1].Count))
            throw new InvalidOperationException($"query head {_begun - 1}: a recall chose entries {first} to {first + count - 1}: they must ascend and be among entries {from} to {end - 1}, which the token sees");
        Put(first, count);
    }

    /// <summary>Chooses all entries that the token sees.</summary>
    public void AddAll() => Add(_first[KvHead], _count[KvHead]);

    /// <summary>The runs of a query head.</summary>
    public ReadOnlySpan<EntryRun> this[int queryHead] => _runs.AsSpan(_firstRun[queryHead], _firstRun[queryHead + 1] - _firstRun[queryHead]);

    /// <summary>Room for runs in memory, and for where each query head's begin, <c>[queryHead + 1]</c>.</summary>
    /// <param name="each">Most runs in memory that hold one run of entries.</param>
    internal ChosenMemory Memory(int each)
    {
        if (_memory.Length < _used * each) _memory = new Run[_runs.Length * each];
        if (_firstMemory.Length <= _queryHeads) _firstMemory = new int[_queryHeads + 1];
        return new(_memory.AsSpan(0, _used * each), _firstMemory.AsSpan(0, _queryHeads + 1));
    }

    /// <summary>Which entries of a KV head some query head reads, <c>[entry]</c>, those that the token does not see among them.</summary>
    internal ReadOnlySpan<bool> Read(int kvHead)
    {
        var end = _first[kvHead] + _count[kvHead];
        if (_read.Length < end) _read = new bool[end + end / 4];
        _read.AsSpan(0, end).Clear();
        for (var q = kvHead * Group; q < (kvHead + 1) * Group; q++)
            foreach (var run in this[q]) _read.AsSpan(run.First, run.Count).Fill(true);
        return _read.AsSpan(0, end);
    }

    private int KvHead => (_begun - 1) / Group;

    /// <summary>Begins a layer.</summary>
    internal void Begin(int kvHeads, int queryHeads)
    {
        (Group, _queryHeads, _begun, _used, IndexBytes, _page, _taken) = (queryHeads / kvHeads, queryHeads, 0, 0, 0, 0, 0);
        if (_first.Length < kvHeads) (_first, _count, _summarised) = (new int[kvHeads], new int[kvHeads], new bool[kvHeads]);
        if (_firstRun.Length <= queryHeads) _firstRun = new int[queryHeads + 1];
    }

    /// <summary>Room for copies of entries; it stays until the next layer begins.</summary>
    /// <param name="bytes">How much.</param>
    internal unsafe byte* Take(int bytes)
    {
        const int line = 64; // of the processor's cache
        var whole = (bytes + line - 1) / line * line;
        if (_page == _copies.Count) _copies.Add([]);
        if (_copies[_page].Length - _taken < whole + line)
        {
            if (_taken > 0 && ++_page == _copies.Count) _copies.Add([]);
            if (_copies[_page].Length < whole + line) _copies[_page] = GC.AllocateUninitializedArray<byte>(Math.Max(1 << 20, whole + line), pinned: true);
            _taken = 0;
        }
        fixed (byte* start = _copies[_page]) // pinned by birth
        {
            var at = (byte*)(((nint)start + _taken + line - 1) / line * line);
            _taken = (int)(at + whole - start);
            return at;
        }
    }

    /// <summary>The sum of the queries that share each KV head, <c>[kvHead * dim]</c>.</summary>
    internal ReadOnlySpan<float> Sums(ReadOnlySpan<float> queries, int kvHeads, int dim)
    {
        if (_sums.Length < kvHeads * dim) _sums = new float[kvHeads * dim];
        var sums = _sums.AsSpan(0, kvHeads * dim);
        var group = queries.Length / dim / kvHeads;
        sums.Clear();
        for (var q = 0; q < kvHeads * group; q++) Elementwise.Add(sums.Slice(q / group * dim, dim), queries.Slice(q * dim, dim));
        return sums;
    }

    /// <summary>Tells what a token sees of a head.</summary>
    internal void Sees(int kvHead, int first, int count, bool summarised) => (_first[kvHead], _count[kvHead], _summarised[kvHead]) = (first, count, summarised);

    /// <summary>Ends a layer.</summary>
    /// <returns>Entries that are read, those of several query heads of a group once; null where all query heads read all entries.</returns>
    internal long? End()
    {
        CloseHead();
        if (_begun != _queryHeads) throw new InvalidOperationException($"a recall chose for {_begun} of {_queryHeads} query heads");
        _firstRun[_queryHeads] = _used;
        var (whole, entries) = (true, 0L);
        for (var head = 0; head < _queryHeads / Group; head++)
        {
            for (var q = head * Group; q < (head + 1) * Group; q++) whole &= this[q] is [var all] && all.Count == _count[head];
            entries += Distinct(head);
        }
        return whole ? null : entries;
    }

    private int Distinct(int head)
    {
        if (Group > 1) return Read(head).Count(true);
        var chosen = 0;
        foreach (var run in this[head]) chosen += run.Count;
        return chosen;
    }

    private void CloseHead()
    {
        if (_begun > 0 && _used == _firstRun[_begun - 1]) throw new InvalidOperationException($"query head {_begun - 1}: a recall chose no entry, and the softmax over nothing does not exist");
    }

    private void Put(int first, int count)
    {
        if (_used > _firstRun[_begun - 1] && _runs[_used - 1] is var last && last.First + last.Count == first)
        {
            _runs[_used - 1] = new(last.First, last.Count + count);
            return;
        }
        if (_used == _runs.Length) Array.Resize(ref _runs, Math.Max(64, 2 * _used));
        _runs[_used++] = new(first, count);
    }
}
