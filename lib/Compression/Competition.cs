using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>One prompt under a bidder: its waterline, and for every head the kept positions in the order in which they would go.</summary>
internal sealed class Competition
{
    private readonly Method _method;
    private readonly IBidder _bidder;
    private readonly BudgetFrame _frame;
    private readonly Waterline _waterline;
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
    /// <param name="scores">Its scores, <c>[head, candidate]</c>.</param>
    /// <returns>Entries of its heads, window excluded, and the heads of earlier layers that are cut back.</returns>
    internal (IReadOnlyList<int> Entries, IReadOnlyList<CutBack> CutBacks) Admit(in LayerView layer, HeadRows<float> scores)
    {
        var bids = new Bids(_frame.Heads, _waterline.Floor);
        Bid(_method, _bidder, _frame, layer, scores, bids);
        var cutBacks = _waterline.Admit(bids);
        var entries = _waterline.Entries[^1];
        for (var head = 0; head < _frame.Heads; head++)
            if (entries[head] > _frame.Candidates) throw new LabException($"method {_method.Name}: its bidder offers head {head} of layer {layer.Layer} {entries[head]} entries of {_frame.Candidates}");
        _ranked.Add(Rank(scores, entries));
        return (entries, cutBacks);
    }

    /// <summary>Positions a head that was cut back still keeps, window excluded, ascending.</summary>
    internal int[] Kept(CutBack cut)
    {
        var kept = _ranked[cut.Layer][cut.Head][..cut.Entries];
        _ranked[cut.Layer][cut.Head] = kept;
        return [.. kept.Order()];
    }

    private static int[][] Rank(HeadRows<float> scores, IReadOnlyList<int> entries)
    {
        var ranked = new int[entries.Count][];
        for (var head = 0; head < ranked.Length; head++)
        {
            var kept = new int[entries[head]];
            Selection.Best(scores[head], kept.Length, kept);
            var keys = new (float, int)[kept.Length];
            for (var i = 0; i < kept.Length; i++) keys[i] = (-scores[head][kept[i]], -kept[i]); // of equal scores the later position stays longer
            for (var i = 0; i < keys.Length; i++)
                if (float.IsNaN(keys[i].Item1)) keys[i].Item1 = float.PositiveInfinity;         // NaN is the lowest score
            Array.Sort(keys, kept);
            ranked[head] = kept;
        }
        return ranked;
    }
}
