using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>The entries that one value of beta gives to all heads of a model.</summary>
/// <param name="Beta">The value; larger values leave each head more of its own and share out less by importance.</param>
/// <param name="Entries">Kept entries of every head of every layer, in any order.</param>
public sealed record BetaAllocation(double Beta, IReadOnlyList<double> Entries);

/// <summary>Allocation curves over beta: the heads in order of what they get, one line for each beta, from very unequal to uniform.</summary>
public static class AllocationCurves
{
    /// <summary>Draws the curves.</summary>
    /// <param name="allocations">One for each beta.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="note">How to read it.</param>
    /// <exception cref="ArgumentException">There is no allocation, or one without heads.</exception>
    public static Figure Draw(IReadOnlyList<BetaAllocation> allocations, string title = "What β does to the budget",
        string note = "Heads are sorted by what they get. A small β gives almost all to the important heads; a large β approaches the uniform budget (dashed).")
    {
        if (allocations.Count == 0 || allocations.Any(allocation => allocation.Entries.Count == 0))
            throw new ArgumentException("An allocation needs at least one head.", nameof(allocations));
        var ordered = allocations.OrderBy(allocation => allocation.Beta).ToArray();
        var marks = new List<Mark>();
        for (var index = 0; index < ordered.Length; index++)
        {
            var beta = ordered[index].Beta.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
            double[] sorted = [.. ordered[index].Entries.OrderDescending()];
            marks.Add(new LineMark($"β = {beta}", Shade(index, ordered.Length), [.. sorted.Select((_, rank) => rank + 1.0)], sorted)
            {
                Hover = [.. sorted.Select((entries, rank) => $"β = {beta}\nhead of rank {Words.Whole(rank + 1)}\n{Words.Short(entries)} entries")],
            });
        }
        var mean = ordered[0].Entries.Average();
        marks.Add(new RuleMark(mean, $"uniform: {Words.Short(mean)}"));
        var x = Axis.Linear("Heads, from most to fewest entries (rank)", [], min: 0, max: ordered.Max(allocation => allocation.Entries.Count) + 0.5);
        var y = Axis.Linear("Entries kept", ordered.SelectMany(allocation => allocation.Entries), min: 0);
        return new Sketch(title, note, [new Panel("", x, y, marks)]).ToFigure();
    }

    /// <summary>Beta is a magnitude, so its lines run through the darker part of the sequential colours; dashes tell them apart in grey.</summary>
    private static SeriesStyle Shade(int index, int count)
    {
        var place = count == 1 ? 1 : 1 - index / (count - 1.0);
        Dash[] dashes = [Dash.Solid, Dash.Dashed, Dash.DashDot, Dash.Dotted];
        return new SeriesStyle(new ColourScale("", 0, 1).Of(0.42 + 0.55 * place), Marker.None, dashes[index % dashes.Length]);
    }
}
