using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Bidders;

/// <summary>Who competes for entries.</summary>
public enum Rivals
{
    /// <summary>All heads of the model: the best entries of all are kept.</summary>
    Model,

    /// <summary>The heads of a layer: every layer keeps as many.</summary>
    Layer,

    /// <summary>Nobody: every head keeps as many.</summary>
    Head,
}

/// <summary>
/// Entries compete one by one, by score: those of the whole model, of a layer (kvpress' <c>layerwise</c>), or of a head alone. Inside a layer or a head the price is the place in its
/// order, so that all layers, or heads, are bought down to the same place. Of equal scores the later position is kept, then the lower head, then the lower layer; the count is exact.
/// KVzip (arXiv 2505.23416) drops whatever equals its threshold instead, and kvpress the first that sorting finds. Neither protects a window: <c>as-published</c> keeps the last
/// token alone. Cost: sorting as many as are kept of the model, of each layer.
/// </summary>
/// <param name="Among">Who competes.</param>
public sealed record EachEntry(Rivals Among = Rivals.Model) : IBidder
{
    /// <inheritdoc/>
    int IBidder.PublishedWindow(int window) => 1;

    /// <inheritdoc/>
    public void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids)
    {
        var (heads, field) = (scores.Heads, new float[scores.Heads * scores.Length]);   // [position, head from the last]: of equal scores the later place is better
        for (var head = 0; head < heads; head++)
            for (var j = 0; j < scores.Length; j++) field[j * heads + heads - 1 - head] = float.IsNaN(scores[head][j]) ? float.NegativeInfinity : scores[head][j];
        var best = new int[field.Length];
        var count = Selection.Best(field, Among == Rivals.Head ? field.Length : (int)Math.Min(field.Length, frame.Total), best);   // no layer gets more than there is
        var entries = new List<Entry>(count);
        foreach (var place in best.AsSpan(0, count))
            if (Among != Rivals.Model || field[place] >= bids.Floor) entries.Add(new(field[place], place / heads, heads - 1 - place % heads));
        entries.Sort();
        var places = new int[scores.Heads];
        for (var place = 0; place < entries.Count; place++)
        {
            var (score, position, head) = entries[place];
            var price = Among switch { Rivals.Model => score, Rivals.Layer => -(double)place, _ => -(double)places[head]++ };
            bids.Offer(head, price, 1, rank: (long)position * scores.Heads - head);
        }
    }

    /// <summary>An entry, in the order in which they are kept.</summary>
    private readonly record struct Entry(float Score, int Position, int Head) : IComparable<Entry>
    {
        public int CompareTo(Entry other) => (other.Score, other.Position, Head).CompareTo((Score, Position, other.Head));
    }
}
