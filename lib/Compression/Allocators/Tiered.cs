namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// After BaKlaVa: caches are ranked by how much their heads change what they are given; the lowest give up a share of their entries, which is divided evenly among the highest.
///     lowest round(low · L · G):   b' (1 - moved)
///     highest round(high · L · G): b' (1 + moved · lowest / highest), the counts actually taken
///     the others:                  b'
/// so that the sum is b' L G exactly. Of equal importance the earlier head ranks higher. Paper: BaKlaVa (arXiv 2502.13176), whose formulas and constants are not public: these are
/// reconstructed, and the settings are to be chosen by the loss on texts (`lab heads tiers`).
/// </summary>
/// <param name="Change">The model's profile.</param>
/// <param name="Low">Share of the caches that give.</param>
/// <param name="High">Share of the caches that take.</param>
/// <param name="Moved">Share of its entries that a giving cache loses; 0 is uniform.</param>
/// <param name="LayerExponent">How much a layer's own change counts; 0 leaves it out.</param>
/// <param name="Reduction">How the query heads of a KV head become one: a cache is as important as its most demanding reader.</param>
public sealed record Tiered(HeadChange Change, double Low = 0.25, double High = 0.125, double Moved = 0.5, double LayerExponent = 0.5, GroupReduction Reduction = GroupReduction.Max) : IAllocator
{
    /// <summary>Share of the caches that give.</summary>
    public double Low { get; } = Share(Low, "low");

    /// <summary>Share of the caches that take.</summary>
    public double High { get; } = Low + High <= 1 ? Share(High, "high")
        : throw new LabException(FormattableString.Invariant($"tiers: the lowest {Low} and the highest {High} of the caches overlap: give shares whose sum is at most 1"));

    /// <summary>Share of its entries that a giving cache loses.</summary>
    public double Moved { get; } = Share(Moved, "moved");

    /// <summary>How much a layer's own change counts.</summary>
    public double LayerExponent { get; } = double.IsFinite(LayerExponent) && LayerExponent >= 0 ? LayerExponent
        : throw new LabException(FormattableString.Invariant($"tiers: layer exponent {LayerExponent}: give a number of 0 or more"));

    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        var importance = Change.Importance(frame, Reduction, LayerExponent);
        allotment.Requested.Fill(frame.Selectable);
        importance.CopyTo(allotment.Weights);

        int[] ranked = [.. Enumerable.Range(0, importance.Length).OrderByDescending(head => importance[head])];
        var lowest = (int)Math.Round(Low * ranked.Length);
        var highest = Math.Min((int)Math.Round(High * ranked.Length), ranked.Length - lowest);
        if (lowest == 0 || highest == 0) return;                        // nobody gives, or nobody takes
        foreach (var head in ranked.AsSpan(ranked.Length - lowest)) allotment.Requested[head] = frame.Selectable * (1 - Moved);
        foreach (var head in ranked.AsSpan(0, highest)) allotment.Requested[head] = frame.Selectable * (1 + Moved * lowest / highest);
    }

    private static double Share(double share, string name) => share is >= 0 and <= 1 ? share
        : throw new LabException(FormattableString.Invariant($"tiers: {name} {share}: give a share from 0 to 1"));
}
