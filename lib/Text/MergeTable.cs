namespace HeadKvLab.Text;

/// <summary>
/// Byte-pair merges over symbol ids: the adjacent pair of lowest rank, leftmost first, is joined until none is left.
/// Symbols form a linked list and mergeable neighbours wait in a heap of (rank, position), so a word of n symbols costs
/// O(n log n): a megabyte without a blank is no special case. A heap entry is stale when its pair no longer has the
/// rank it was queued with. Pairs of equal rank must give the same symbol.
/// </summary>
internal sealed class MergeTable
{
    private readonly Dictionary<long, (int Rank, int Result)> _rules = [];

    /// <summary>Number of rules.</summary>
    public int Count => _rules.Count;

    /// <summary>Adds a rule; a pair's first rule stands.</summary>
    public void Add(int left, int right, int rank, int result) => _rules.TryAdd(Pair(left, right), (rank, result));

    /// <summary>Merges in place.</summary>
    /// <param name="symbols">Symbol ids, 0 or more; the result stands at the beginning.</param>
    /// <returns>How many symbols are left.</returns>
    public int Apply(Span<int> symbols)
    {
        int n = symbols.Length;
        if (n < 2) return n;
        int[] links = new int[2 * n];
        Span<int> next = links.AsSpan(0, n), previous = links.AsSpan(n);
        var queue = new KeyHeap(n);
        for (int i = 0; i < n; i++)
        {
            next[i] = i + 1 < n ? i + 1 : -1;
            previous[i] = i - 1;
            if (i + 1 < n) Consider(queue, symbols, next, i);
        }
        while (queue.TryPop(out long key))
        {
            int at = (int)(key & uint.MaxValue);
            int after = symbols[at] < 0 ? -1 : next[at];
            if (after < 0) continue;
            if (!_rules.TryGetValue(Pair(symbols[at], symbols[after]), out var rule) || rule.Rank != (int)(key >> 32)) continue;
            symbols[at] = rule.Result;
            symbols[after] = -1;
            next[at] = next[after];
            if (next[at] >= 0)
            {
                previous[next[at]] = at;
                Consider(queue, symbols, next, at);
            }
            if (previous[at] >= 0) Consider(queue, symbols, next, previous[at]);
        }
        int left = 0;
        for (int i = 0; i >= 0; i = next[i]) symbols[left++] = symbols[i];
        return left;
    }

    private void Consider(KeyHeap queue, Span<int> symbols, Span<int> next, int at)
    {
        if (_rules.TryGetValue(Pair(symbols[at], symbols[next[at]]), out var rule))
            queue.Push(((long)rule.Rank << 32) | (uint)at);
    }

    private static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    /// <summary>A binary min-heap of keys.</summary>
    private sealed class KeyHeap(int capacity)
    {
        private long[] _keys = new long[Math.Max(4, capacity)];
        private int _count;

        public void Push(long key)
        {
            if (_count == _keys.Length) Array.Resize(ref _keys, 2 * _count);
            int at = _count++;
            for (int parent; at > 0 && _keys[parent = (at - 1) / 2] > key; at = parent) _keys[at] = _keys[parent];
            _keys[at] = key;
        }

        public bool TryPop(out long key)
        {
            if (_count == 0)
            {
                key = 0;
                return false;
            }
            key = _keys[0];
            long last = _keys[--_count];
            int at = 0;
            for (int child; (child = 2 * at + 1) < _count; at = child)
            {
                if (child + 1 < _count && _keys[child + 1] < _keys[child]) child++;
                if (_keys[child] >= last) break;
                _keys[at] = _keys[child];
            }
            _keys[at] = last;
            return true;
        }
    }
}
