using HeadKvLab.Cache;
using HeadKvLab.Kernels;

namespace HeadKvLab.Compression.Recalls;

/// <summary>
/// Pages of consecutive entries, each with the smallest and the largest number that its keys have in each channel. A page's score for a query head is the largest q·k that a
/// key between them could have, <c>sum_c max(q_c min_c, q_c max_c)</c>; a query head reads the max(3, budget / page) pages of the highest scores; of equals the later ones.
/// The page of the token itself is always among them: the authors' evaluation code does not force it. On a ragged head consecutive means consecutive stored entries.
/// Paper: arXiv 2406.10774. Code: mit-han-lab/Quest. Cost: 2 dim numbers a page, kept in the cache's type, in which they are exact.
/// </summary>
/// <param name="Budget">Entries that a query head reads.</param>
/// <param name="Page">Entries of a page.</param>
/// <param name="FullLayers">First layers, which are read whole.</param>
/// <param name="ByKvHead">Whether the query heads of a KV head choose together, by the sum of their queries, and read the same; the papers have each choose alone, which reads up to as many times more of a grouped cache.</param>
public sealed record Quest(int Budget = 1024, int Page = 16, int FullLayers = 2, bool ByKvHead = false) : IRecall
{
    private const int FewestPages = 3;

    /// <summary>Entries that a query head reads.</summary>
    public int Budget { get; } = RecallSettings.AtLeast(1, Budget, nameof(Quest), "budget");

    /// <summary>Entries of a page.</summary>
    public int Page { get; } = RecallSettings.AtLeast(1, Page, nameof(Quest), "page");

    /// <summary>First layers, which are read whole.</summary>
    public int FullLayers { get; } = RecallSettings.AtLeast(0, FullLayers, nameof(Quest), "full-layers");

    /// <inheritdoc/>
    public string Name => $"{nameof(Quest)} budget={Budget} page={Page} full-layers={FullLayers} choice={RecallSettings.Choice(ByKvHead)}";

    /// <inheritdoc/>
    public IRecallIndex? Build(int layer, CacheShape shape) => layer < FullLayers ? null : new Index(Math.Max(FewestPages, Budget / Page), Page, shape, ByKvHead);

    /// <inheritdoc/>
    public long BytesFor(int layer, int entries, CacheShape shape) => layer < FullLayers ? 0 : (long)entries / Page * shape.EntryBytes;

    private sealed unsafe class Index : IRecallIndex
    {
        private readonly int _pagesRead, _page, _dim, _bytes; // _bytes of a page
        private readonly CacheShape _shape;
        private readonly byte[][] _bounds;   // [kvHead][page][low, high][dim]
        private readonly int[] _pages;       // [kvHead], complete ones
        private readonly float[] _low, _high, _keys;
        private float[] _scores = [];
        private int[] _chosen = [];
        private int _group; // query heads of a KV head

        internal Index(int pagesRead, int page, CacheShape shape, bool byKvHead)
        {
            ByKvHead = byKvHead;
            (_pagesRead, _page, _shape, _dim, _bytes) = (pagesRead, page, shape, shape.HeadDim, shape.EntryBytes);
            (_bounds, _pages) = (new byte[shape.KvHeads][], new int[shape.KvHeads]);
            Array.Fill(_bounds, []);
            (_low, _high, _keys) = (new float[_dim], new float[_dim], new float[page * _dim]);
        }

        public long Bytes => (long)_pages.Sum() * _bytes;

        public bool ByKvHead { get; }

        public NearTier Tier { get; } = new();

        public void Choose(LayerCache entries, ReadOnlySpan<float> queries, RecallChoice choice)
        {
            _group = choice.Group;
            for (var head = 0; head < _pages.Length; head++)
            {
                Learn(entries, head);
                var (first, last) = (choice.First(head) / _page, (entries.Counts[head] - 1) / _page);
                if (last - first < _pagesRead)
                {
                    for (var g = 0; g < choice.Group; g++) { choice.Next(); choice.AddAll(); }
                    continue;
                }
                var own = queries.Slice(head * choice.Group * _dim, choice.Group * _dim);
                var scores = RecallSettings.Room(ref _scores, choice.Group * (last - first));
                Score(head, first, last, own, scores);
                choice.IndexBytes += (long)(last - first) * _bytes;
                for (var g = 0; g < choice.Group; g++)
                {
                    choice.Next();
                    Read(head * choice.Group + g, first, last, scores.Slice(g * (last - first), last - first), choice, choice.First(head), entries.Counts[head]);
                }
            }
        }

        public void Truncate(int kvHead, int entries)
        {
            if (entries / _page >= _pages[kvHead]) return;
            _pages[kvHead] = entries / _page;
            Tier.Forget(kvHead * _group, _group, _pages[kvHead]);
        }

        public IRecallIndex Clone()
        {
            var copy = new Index(_pagesRead, _page, _shape, ByKvHead);
            for (var head = 0; head < _pages.Length; head++) (copy._bounds[head], copy._pages[head]) = (_bounds[head].AsSpan(0, _pages[head] * _bytes).ToArray(), _pages[head]);
            return copy;
        }

        /// <summary>Bounds of the pages that have become complete.</summary>
        private void Learn(LayerCache entries, int head)
        {
            var complete = entries.Counts[head] / _page;
            if (_bounds[head].Length < complete * _bytes) Array.Resize(ref _bounds[head], (complete + complete / 4) * _bytes);
            for (; _pages[head] < complete; _pages[head]++)
            {
                entries.ReadKeys(head, _pages[head] * _page, _keys);
                _keys.AsSpan(0, _dim).CopyTo(_low);
                _keys.AsSpan(0, _dim).CopyTo(_high);
                for (var key = 1; key < _page; key++) Elementwise.Include(_keys.AsSpan(key * _dim, _dim), _low, _high);
                fixed (byte* page = &_bounds[head][_pages[head] * _bytes])
                {
                    _shape.Format.Narrow(_low, page);
                    _shape.Format.Narrow(_high, page + _bytes / 2);
                }
            }
        }

        private void Score(int head, int first, int last, ReadOnlySpan<float> queries, Span<float> scores)
        {
            for (var page = first; page < last; page++)
            {
                fixed (byte* bounds = &_bounds[head][page * _bytes])
                {
                    _shape.Format.Widen(bounds, _low);
                    _shape.Format.Widen(bounds + _bytes / 2, _high);
                }
                for (var g = 0; g < queries.Length / _dim; g++) scores[g * (last - first) + page - first] = RecallSettings.Shown(Elementwise.LargestDot(queries.Slice(g * _dim, _dim), _low, _high));
            }
        }

        /// <summary>The best pages, and the last.</summary>
        private void Read(int queryHead, int first, int last, ReadOnlySpan<float> scores, RecallChoice choice, int seen, int end)
        {
            var chosen = RecallSettings.Room(ref _chosen, _pagesRead - 1);
            Selection.Best(scores, _pagesRead - 1, chosen);
            Tier.Step(queryHead);
            foreach (var page in chosen)
            {
                var from = Math.Max(seen, (first + page) * _page);
                var count = (first + page + 1) * _page - from;
                Tier.Choose(queryHead, first + page, count);
                choice.Add(from, count);
            }
            choice.Add(Math.Max(seen, last * _page), end - Math.Max(seen, last * _page));
        }
    }
}
