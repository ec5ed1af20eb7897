using HeadKvLab.Cache;
using HeadKvLab.Compression.Bidders;

namespace HeadKvLab.Compression;

/// <summary>One prompt under a bidder: its waterline, or the search of its authors, and for every head the kept positions in the order in which they would go.</summary>
internal sealed class Competition
{
    private readonly Method _method;
    private readonly IBidder _bidder;
    private readonly BudgetFrame _frame;
    private readonly Waterline _waterline;
    private readonly PrefixSearch? _search;
    private readonly List<float[]> _scores = []; // [layer, head][position], for the search
    private readonly List<int[][]> _ranked = []; // [layer][head], best first

    /// <summary>Prepares for one prompt.</summary>
    /// <exception cref="LabException">The method has a settlement, which would want the entries that are cut back later, or a reranker, whose order would differ by how many are kept.</exception>
    internal Competition(Method method, IBidder bidder, BudgetRule rule, in BudgetFrame frame)
    {
        if (method.Settlement is not null)
            throw new LabException($"method {method.Name}: {bidder.GetType().Name} cuts heads back after their layers were stored, when {method.Settlement.GetType().Name} no longer sees what is dropped: use an allocator beside a settlement");
        if (method.Reranker is not null)
            throw new LabException($"method {method.Name}: under {bidder.GetType().Name} heads of earlier layers are cut back by the order in which they were stored, which {method.Reranker.GetType().Name} would change: use an allocator beside a reranker");
        (_method, _bidder, _frame, _waterline) = (method, bidder, frame, WaterlineOf(bidder, rule, frame));
        _search = rule == BudgetRule.AsPublished ? bidder.PublishedSearch : null;
    }

    /// <summary>What a budget buys of a bidder's steps.</summary>
    internal static Waterline WaterlineOf(IBidder bidder, BudgetRule rule, in BudgetFrame frame)
    {
        long heads = (long)frame.Layers * frame.Heads, nominal = frame.Total;
        if (rule == BudgetRule.AsPublished) nominal = (frame.Selectable + frame.Recent + bidder.Block - 1) / bidder.Block * bidder.Block * heads;
        var price = rule == BudgetRule.AsPublished ? bidder.PublishedPrice : null;
        return new(frame.Heads, price is null ? Math.Max(0, nominal - frame.Recent * heads) : null, price ?? double.NegativeInfinity, whole: rule == BudgetRule.AsPublished);
    }

    /// <summary>Has a bidder offer the steps of some heads.</summary>
    /// <exception cref="LabException">The bidder failed.</exception>
    internal static void Bid(Method method, IBidder bidder, in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids)
    {
        try { bidder.Bid(frame, layer, scores.Trim(frame.Candidates), bids); }
        catch (Exception e) when (MethodFault.IsOwn(e)) { throw MethodFault.Of(method, "bidder", $"{bidder.GetType().Name}.Bid, layer {layer.Layer}, {frame.Heads} heads", e); }
        catch (LabException e) { throw new LabException($"method {method.Name}: {e.Message}", e); }
    }

    /// <summary>Admits the next layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="scores">Its scores, <c>[head, position]</c>.</param>
    /// <returns>Entries of its heads, window excluded, and the heads of earlier layers that are cut back.</returns>
    internal (IReadOnlyList<int> Entries, IReadOnlyList<CutBack> CutBacks) Admit(in LayerView layer, HeadRows<float> scores)
    {
        var (entries, cutBacks) = _search is null ? Buy(layer, scores) : Search(_search, scores);
        for (var head = 0; head < _frame.Heads; head++)
            if (entries[head] > _frame.Candidates) throw new LabException($"method {_method.Name}: its bidder offers head {head} of layer {layer.Layer} {entries[head]} entries of {_frame.Candidates}");
        _ranked.Add(Rank(scores.Trim(_frame.Candidates), entries, _search?.Sinks ?? 0));
        return (entries, cutBacks);
    }

    /// <summary>Positions a head that was cut back still keeps, window excluded, ascending.</summary>
    internal int[] Kept(CutBack cut)
    {
        var kept = _ranked[cut.Layer][cut.Head][..cut.Entries];
        _ranked[cut.Layer][cut.Head] = kept;
        return [.. kept.Order()];
    }

    private (IReadOnlyList<int> Entries, IReadOnlyList<CutBack> CutBacks) Buy(in LayerView layer, HeadRows<float> scores)
    {
        var bids = new Bids(_frame.Heads, _waterline.Floor);
        Bid(_method, _bidder, _frame, layer, scores, bids);
        var cutBacks = _waterline.Admit(bids);
        return (_waterline.Entries[^1], cutBacks);
    }

    /// <summary>Keeps everything until the last layer has arrived: the search sees the whole model.</summary>
    private (IReadOnlyList<int> Entries, IReadOnlyList<CutBack> CutBacks) Search(PrefixSearch search, HeadRows<float> scores)
    {
        for (var head = 0; head < _frame.Heads; head++)
            _scores.Add(head > 0 && scores[head].SequenceEqual(_scores[^1]) ? _scores[^1] : scores[head].ToArray());
        var arrived = _scores.Count / _frame.Heads;
        if (arrived < _frame.Layers) return ([.. Enumerable.Repeat(_frame.Candidates, _frame.Heads)], []);
        var entries = search.Entries(_frame, _scores);
        var (candidates, heads) = (_frame.Candidates, _frame.Heads);
        var earlier = Enumerable.Range(0, (arrived - 1) * heads).Where(i => entries[i] < candidates).Select(i => new CutBack(i / heads, i % heads, entries[i]));
        return (entries[^heads..], [.. earlier]);
    }

    private static int[][] Rank(HeadRows<float> scores, IReadOnlyList<int> entries, int sinks)
    {
        var ranked = new int[entries.Count][];
        for (var head = 0; head < ranked.Length; head++)
        {
            var row = scores[head];
            if (sinks > 0)
            {
                row = row.ToArray(); // other compressors read these scores, too
                row[..Math.Min(sinks, row.Length)].Fill(float.PositiveInfinity);
            }
            var kept = new int[entries[head]];
            Selection.Best(row, kept.Length, kept);
            var keys = new (float, int)[kept.Length];
            for (var i = 0; i < kept.Length; i++) keys[i] = (-row[kept[i]], -kept[i]); // of equal scores the later position stays longer
            for (var i = 0; i < keys.Length; i++)
                if (float.IsNaN(keys[i].Item1)) keys[i].Item1 = float.PositiveInfinity;         // NaN is the lowest score
            Array.Sort(keys, kept);
            ranked[head] = kept;
        }
        return ranked;
    }
}
