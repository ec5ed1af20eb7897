namespace HeadKvLab.Compression;

/// <summary>What the heads of one layer would keep at which price: for each head a list of steps, dearest first. Buying a step means having bought those before it.</summary>
public sealed class Bids
{
    private readonly List<Step>[] _steps;

    /// <summary>Prepares for a layer.</summary>
    /// <param name="heads">Heads that own entries.</param>
    /// <param name="floor">Price at which nothing is bought any more.</param>
    public Bids(int heads, double floor = double.NegativeInfinity) => (_steps, Floor) = ([.. Enumerable.Range(0, heads).Select(_ => new List<Step>())], floor);

    /// <summary>Heads that own entries.</summary>
    public int Heads => _steps.Length;

    /// <summary>Steps cheaper than this need not be offered: the layers before have raised the price above them.</summary>
    public double Floor { get; }

    /// <summary>The steps of a head, dearest first.</summary>
    internal IReadOnlyList<Step> this[int head] => _steps[head];

    /// <summary>Offers one step more of a head.</summary>
    /// <param name="head">The head.</param>
    /// <param name="price">Its price; NaN counts as the least. What has an infinite price goes last, and as-published never.</param>
    /// <param name="entries">Entries it adds, window excluded.</param>
    /// <param name="cost">What the published form counts it as, in entries; null: as many as it adds.</param>
    /// <param name="rank">Of equal prices the step of the highest rank is bought first, before layers, heads and order decide.</param>
    /// <exception cref="LabException">It is dearer than the step before, holds nothing, or costs less than it adds.</exception>
    public void Offer(int head, double price, int entries, int? cost = null, long rank = 0)
    {
        var steps = _steps[head];
        if (double.IsNaN(price)) price = double.NegativeInfinity;
        if (steps.Count > 0 && price > steps[^1].Price) throw MethodFault.BadBid(FormattableString.Invariant($"price {price} after {steps[^1].Price}"), head);
        if (entries < 0 || (cost ?? entries) < Math.Max(entries, 1)) throw MethodFault.BadBid($"step of {entries} entries that costs {cost ?? entries}", head);
        steps.Add(new(price, entries, cost ?? entries, rank));
    }

    /// <summary>Takes the steps that were offered for a head elsewhere.</summary>
    internal void Add(int head, Bids other, int otherHead) => _steps[head].AddRange(other._steps[otherHead]);

    /// <summary>Some entries more of a head.</summary>
    internal readonly record struct Step(double Price, int Entries, int Cost, long Rank);
}
