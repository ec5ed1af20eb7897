using HeadKvLab.Cache;
using HeadKvLab.Kernels;

namespace HeadKvLab.Compression.Recalls;

/// <summary>
/// Each query head reads the entries of its highest q·k; of equals the later ones. No index: all keys are read to choose, so that nothing is saved. It is the upper bound
/// of every recall: what another misses beside it is its error of selection, what both miss is the budget's.
/// </summary>
/// <param name="Budget">Entries that a query head reads.</param>
/// <param name="FullLayers">First layers, which are read whole.</param>
/// <param name="ByKvHead">Whether the query heads of a KV head choose together, by the sum of their queries, and read the same; the papers have each choose alone, which reads up to as many times more of a grouped cache.</param>
public sealed record ExactTop(int Budget = 1024, int FullLayers = 2, bool ByKvHead = false) : IRecall
{
    /// <summary>Entries that a query head reads.</summary>
    public int Budget { get; } = RecallSettings.AtLeast(1, Budget, "Exact", "budget");

    /// <summary>First layers, which are read whole.</summary>
    public int FullLayers { get; } = RecallSettings.AtLeast(0, FullLayers, "Exact", "full-layers");

    /// <inheritdoc/>
    public string Name => $"Exact budget={Budget} full-layers={FullLayers} choice={RecallSettings.Choice(ByKvHead)}";

    /// <inheritdoc/>
    public IRecallIndex? Build(int layer, CacheShape shape) => layer < FullLayers ? null : new Index(Budget, shape, ByKvHead);

    /// <inheritdoc/>
    public long BytesFor(int layer, int entries, CacheShape shape) => 0;

    private sealed class Index(int budget, CacheShape shape, bool byKvHead) : IRecallIndex
    {
        private const int Block = 64; // keys widened together
        private readonly float[] _keys = new float[Block * shape.HeadDim];
        private float[] _scores = [];
        private int[] _chosen = [];

        public long Bytes => 0;

        public bool ByKvHead => byKvHead;

        public void Choose(LayerCache entries, ReadOnlySpan<float> queries, RecallChoice choice)
        {
            for (var head = 0; head < shape.KvHeads; head++)
            {
                var (first, end) = (choice.First(head), entries.Counts[head]);
                if (end - first <= budget)
                {
                    for (var g = 0; g < choice.Group; g++) { choice.Next(); choice.AddAll(); }
                    continue;
                }
                var seen = end - first;
                var own = queries.Slice(head * choice.Group * shape.HeadDim, choice.Group * shape.HeadDim);
                var scores = RecallSettings.Room(ref _scores, choice.Group * seen);
                Score(entries, head, first, own, scores, seen);
                choice.IndexBytes += entries.KeyBytes(head, first);
                var chosen = RecallSettings.Room(ref _chosen, budget);
                for (var g = 0; g < choice.Group; g++)
                {
                    Selection.Best(scores.Slice(g * seen, seen), budget, chosen);
                    foreach (ref var entry in chosen) entry += first;
                    choice.Next();
                    RecallSettings.Add(choice, chosen);
                }
            }
        }

        public void Truncate(int kvHead, int entries)
        {
        }

        public IRecallIndex Clone() => new Index(budget, shape, byKvHead);

        private void Score(LayerCache entries, int head, int first, ReadOnlySpan<float> queries, Span<float> scores, int seen)
        {
            var dim = shape.HeadDim;
            for (var block = 0; block < seen; block += Block)
            {
                var count = Math.Min(Block, seen - block);
                var keys = _keys.AsSpan(0, count * dim);
                entries.ReadKeys(head, first + block, keys);
                for (var g = 0; g < queries.Length / dim; g++)
                    for (var j = 0; j < count; j++) scores[g * seen + block + j] = RecallSettings.Shown(Elementwise.Dot(queries.Slice(g * dim, dim), keys.Slice(j * dim, dim)));
            }
        }
    }
}
