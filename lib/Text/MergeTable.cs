namespace HeadKvLab.Text;

/// <summary>
/// Byte-pair merges over symbol ids: the adjacent pair of lowest rank, leftmost first, is joined until none is left.
/// Symbols form a linked list and mergeable neighbours wait in a heap of (rank, position), so a word of n symbols costs
/// O(n log n): a megabyte without a blank is no special case. Each symbol knows the rule that joins it with the next
/// one; a heap entry is stale when that rule no longer has the rank it was queued with.
/// </summary>
internal sealed class MergeTable
{
    private const int None = -1;

    private readonly Dictionary<long, (int Rank, int Result)> _rules = [];

    /// <summary>Adds a rule; a pair's first rule stands.</summary>
    public void Add(int left, int right, int rank, int result) => _rules.TryAdd(Pair(left, right), (rank, result));

    /// <summary>No ids.</summary>
    public static IReadOnlySet<int> Nothing { get; } = new HashSet<int>();

    /// <summary>Merges in place.</summary>
    /// <param name="symbols">Symbol ids, 0 or more; the result stands at the beginning.</param>
    /// <returns>How many symbols are left.</returns>
    public int Apply(Span<int> symbols) => Apply(symbols, Nothing, []);

    /// <summary>Merges in place, and tells of some results what they were made of.</summary>
    /// <param name="symbols">Symbol ids, 0 or more; the result stands at the beginning.</param>
    /// <param name="watched">Results of interest.</param>
    /// <param name="parts">Takes for each of them the pair that was last considered, merged or not.</param>
    /// <returns>How many symbols are left.</returns>
    public int Apply(Span<int> symbols, IReadOnlySet<int> watched, Dictionary<int, (int Left, int Right)> parts)
    {
        int n = symbols.Length;
        if (n < 2) return n;
        var word = new Word(symbols, new int[2 * n], new (int Rank, int Result)[n], new KeyHeap(n), watched, parts);
        for (int i = 0; i < n; i++) word.Link(i);
        for (int i = 0; i + 1 < n; i++) Consider(word, i);
        while (word.Queue.TryPop(out long key))
        {
            int at = (int)(key & uint.MaxValue);
            if (word.Rules[at].Rank != (int)(key >> 32)) continue;
            symbols[at] = word.Rules[at].Result;
            int after = word.Next[at], previous = word.Previous[at];
            word.Rules[after].Rank = None;
            if ((word.Next[at] = word.Next[after]) >= 0) word.Previous[word.Next[at]] = at;
            if (previous >= 0) Consider(word, previous);
            Consider(word, at);
        }
        int left = 0;
        for (int i = 0; i >= 0; i = word.Next[i]) symbols[left++] = symbols[i];
        return left;
    }

    private void Consider(in Word word, int at)
    {
        ref (int Rank, int Result) rule = ref word.Rules[at];
        int next = word.Next[at];
        if (next < 0 || !_rules.TryGetValue(Pair(word.Symbols[at], word.Symbols[next]), out rule)) rule.Rank = None;
        else
        {
            word.Queue.Push(((long)rule.Rank << 32) | (uint)at);
            if (word.Watched.Contains(rule.Result)) word.Parts[rule.Result] = (word.Symbols[at], word.Symbols[next]);
        }
    }

    /// <summary>A word being merged: its symbols, their neighbours, and the rule of each with the one after it.</summary>
    private readonly ref struct Word(Span<int> symbols, int[] links, (int Rank, int Result)[] rules, KeyHeap queue,
        IReadOnlySet<int> watched, Dictionary<int, (int Left, int Right)> parts)
    {
        public Span<int> Symbols { get; } = symbols;

        public Span<int> Next { get; } = links.AsSpan(0, rules.Length);

        public Span<int> Previous { get; } = links.AsSpan(rules.Length);

        public (int Rank, int Result)[] Rules { get; } = rules;

        public KeyHeap Queue { get; } = queue;

        public IReadOnlySet<int> Watched { get; } = watched;

        public Dictionary<int, (int Left, int Right)> Parts { get; } = parts;

        public void Link(int at)
        {
            Next[at] = at + 1 < Rules.Length ? at + 1 : -1;
            Previous[at] = at - 1;
            Rules[at].Rank = None;
        }
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
