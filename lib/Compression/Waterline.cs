namespace HeadKvLab.Compression;

/// <summary>
/// Decides how far each head of the model goes down its list of steps: the dearest are bought until the next would exceed the total. Of equal prices the higher rank
/// is bought first, then the lower layer, head and step. Layers are admitted as they come: with a fixed total, what some layers cannot afford all of them cannot afford either, so
/// that the price only rises, and what was bought for earlier layers is only ever cut back. In the end it is the choice over the whole model.
/// </summary>
/// <param name="heads">Heads of a layer that own entries.</param>
/// <param name="total">What there is to spend, in entries, windows paid; null: whatever is dearer than <paramref name="above"/> is bought.</param>
/// <param name="above">Steps of this price and below are never bought.</param>
/// <param name="whole">
/// Whether a step is bought whole or not at all, for what it costs, and at an infinite price whatever is left; else a step costs what it holds, the last one is
/// bought in part, and the total is never exceeded.
/// </param>
public sealed class Waterline(int heads, long? total, double above = double.NegativeInfinity, bool whole = false)
{
    private readonly List<List<Bids.Step>[]> _bought = [];      // [layer][head], dearest first
    private readonly PriorityQueue<Place, Place> _last = new(); // of each head the last step that it bought, the cheapest first
    private readonly List<int[]> _entries = [];
    private long _spent;
    private Place? _sold; // the dearest step that could not be kept: cheaper ones cannot be bought any more

    /// <summary>Price at which nothing is bought any more.</summary>
    public double Floor => Math.Max(above, _sold?.Price ?? double.NegativeInfinity);

    /// <summary>Entries of every head so far, window excluded, <c>[layer][head]</c>.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Entries => _entries;

    /// <summary>Admits the next layer.</summary>
    /// <param name="bids">Its bids.</param>
    /// <returns>Heads of earlier layers that keep less than before, each once, in order.</returns>
    public IReadOnlyList<CutBack> Admit(Bids bids)
    {
        var layer = _entries.Count;
        _entries.Add(new int[heads]);
        _bought.Add([.. Enumerable.Range(0, heads).Select(_ => new List<Bids.Step>())]);
        for (var head = 0; head < heads; head++) Buy(layer, head, bids[head]);
        var cut = new SortedSet<(int Layer, int Head)>();
        while (_spent > total && SellCheapest() is { } sold)
            if (sold.Layer < layer) cut.Add((sold.Layer, sold.Head));
        return [.. cut.Select(one => new CutBack(one.Layer, one.Head, _entries[one.Layer][one.Head]))];
    }

    private void Buy(int layer, int head, IReadOnlyList<Bids.Step> steps)
    {
        var bought = _bought[layer][head];
        for (var i = 0; i < steps.Count; i++)
        {
            if (steps[i].Price <= above || (_sold is { } sold && new Place(steps[i].Price, steps[i].Rank, layer, head, i).CompareTo(sold) <= 0)) break;
            Add(steps[i], layer, head);
        }
        if (bought.Count > 0) _last.Enqueue(Last(layer, head), Last(layer, head));
    }

    private void Add(Bids.Step step, int layer, int head)
    {
        _bought[layer][head].Add(step);
        _entries[layer][head] += step.Entries;
        _spent += Cost(step);
    }

    private Place Last(int layer, int head)
    {
        var bought = _bought[layer][head];
        return new(bought[^1].Price, bought[^1].Rank, layer, head, bought.Count - 1);
    }

    private int Cost(Bids.Step step) => whole ? step.Cost : step.Entries;

    /// <summary>Sells the cheapest step, or the part of it that is too much; null where only steps are left that are bought whatever they cost.</summary>
    private Place? SellCheapest()
    {
        if (!_last.TryPeek(out var place, out _) || (whole && double.IsPositiveInfinity(place.Price))) return null;
        var bought = _bought[place.Layer][place.Head];
        var step = bought[^1];
        bought.RemoveAt(bought.Count - 1);
        _entries[place.Layer][place.Head] -= step.Entries;
        _spent -= Cost(step);
        _sold = place;
        if (!whole && _spent < total) Add(step with { Entries = (int)(total.Value - _spent) }, place.Layer, place.Head);
        if (bought.Count == 0) _last.Dequeue();
        else _last.DequeueEnqueue(Last(place.Layer, place.Head), Last(place.Layer, place.Head));
        return place;
    }

    /// <summary>A step of the model in the order in which steps are sold: the cheapest first, of equal ones that of the lower rank, then the later.</summary>
    private readonly record struct Place(double Price, long Rank, int Layer, int Head, int Step) : IComparable<Place>
    {
        public int CompareTo(Place other) => Price.CompareTo(other.Price) is not 0 and var byPrice ? byPrice
            : Rank.CompareTo(other.Rank) is not 0 and var byRank ? byRank : (other.Layer, other.Head, other.Step).CompareTo((Layer, Head, Step));
    }
}

/// <summary>A head that keeps less than it did when its layer arrived.</summary>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Head">The head.</param>
/// <param name="Entries">Entries it keeps, window excluded.</param>
public readonly record struct CutBack(int Layer, int Head, int Entries);
