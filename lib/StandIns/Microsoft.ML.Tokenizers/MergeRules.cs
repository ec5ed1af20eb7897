namespace Microsoft.ML.Tokenizers;

// The merge loop: a linked list of symbols and a queue of mergeable neighbours ordered by (rank, position).
// O(n log n) in the length of the word. A queue entry is stale when the rule at its place has another rank by now.
internal sealed class MergeRules
{
    private readonly Dictionary<long, (int Rank, int Result)> _rules = [];

    public void Add(int left, int right, int rank, int result) => _rules.TryAdd(Pair(left, right), (rank, result));

    public int[] Apply(ReadOnlySpan<int> word)
    {
        int n = word.Length;
        if (n < 2) return word.ToArray();
        int[] symbol = word.ToArray(), next = new int[n], previous = new int[n];
        var rule = new (int Rank, int Result)[n];   // joins a symbol with the next one; rank -1: none
        var queue = new PriorityQueue<int, long>();
        for (int i = 0; i < n; i++) (next[i], previous[i]) = (i + 1 < n ? i + 1 : -1, i - 1);
        for (int i = 0; i < n; i++) Consider(i);
        while (queue.TryDequeue(out int at, out long key))
        {
            if (rule[at].Rank != (int)(key >> 32)) continue;
            int after = next[at];
            symbol[at] = rule[at].Result;
            symbol[after] = -1;
            rule[after].Rank = -1;
            next[at] = next[after];
            if (next[at] >= 0) previous[next[at]] = at;
            Consider(at);
            if (previous[at] >= 0) Consider(previous[at]);
        }
        return Array.FindAll(symbol, id => id >= 0);

        void Consider(int at)
        {
            if (next[at] < 0 || !_rules.TryGetValue(Pair(symbol[at], symbol[next[at]]), out rule[at])) rule[at].Rank = -1;
            else queue.Enqueue(at, ((long)rule[at].Rank << 32) | (uint)at);
        }
    }

    private static long Pair(int left, int right) => ((long)left << 32) | (uint)right;
}
