using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Recalls;

/// <summary>
/// Each query head reads the latest entries. It knows nothing of the keys and has no index: the floor of every recall, as <see cref="ExactTop"/> is the bound. What was
/// compressed keeps its first entries stored but unread, so that it is no StreamingLLM.
/// </summary>
/// <param name="Budget">Entries that a query head reads.</param>
/// <param name="FullLayers">First layers, which are read whole.</param>
public sealed record Recent(int Budget = 1024, int FullLayers = 2) : IRecall
{
    /// <summary>Entries that a query head reads.</summary>
    public int Budget { get; } = RecallSettings.AtLeast(1, Budget, nameof(Recent), "budget");

    /// <summary>First layers, which are read whole.</summary>
    public int FullLayers { get; } = RecallSettings.AtLeast(0, FullLayers, nameof(Recent), "full-layers");

    /// <inheritdoc/>
    public string Name => $"{nameof(Recent)} budget={Budget} full-layers={FullLayers}";

    /// <inheritdoc/>
    public IRecallIndex? Build(int layer, CacheShape shape) => layer < FullLayers ? null : new Index(Budget);

    /// <inheritdoc/>
    public long BytesFor(int layer, int entries, CacheShape shape) => 0;

    private sealed class Index(int budget) : IRecallIndex
    {
        public long Bytes => 0;

        public bool ByKvHead => true;

        public void Choose(LayerCache entries, ReadOnlySpan<float> queries, RecallChoice choice)
        {
            for (var head = 0; head < entries.Counts.Length; head++)
            {
                choice.Next();
                var (first, end) = (choice.First(head), entries.Counts[head]);
                var from = Math.Max(first, end - budget);
                choice.Add(from, end - from);
            }
        }

        public void Truncate(int kvHead, int entries)
        {
        }

        public IRecallIndex Clone() => new Index(budget);
    }
}
