using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>The entries that one value of beta gives to all heads of a model.</summary>
/// <param name="Beta">The value; larger values leave each head more of its own and share out less by importance.</param>
/// <param name="Entries">Kept entries of every head of every layer, in any order.</param>
public sealed record BetaAllocation(double Beta, IReadOnlyList<double> Entries);

/// <summary>
/// Allocation curves over beta: the heads in order of what they get, one line for each beta, named at its beginning, from very unequal
/// to uniform. Values that deal alike share a line and its name.
/// </summary>
public static class AllocationCurves
{
    private const double LabelHeight = 14;

    /// <summary>Dark violet to amber (matplotlib's plasma, without its palest end): beta is a magnitude, and neighbours stay apart.</summary>
    private static readonly string[] Ramp = ["#0D0887", "#5402A3", "#8B0AA5", "#B93289", "#DB5C68", "#F48849", "#E8A317"];

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
        var deals = allocations.OrderBy(allocation => allocation.Beta).Select(allocation => (Beta: Format.Exact(allocation.Beta), Sorted: (double[])[.. allocation.Entries.OrderDescending()]))
            .GroupBy(deal => string.Join(' ', deal.Sorted.Select(Format.Exact))).Select(group => (Name: "β = " + string.Join(", ", group.Select(deal => deal.Beta)), group.First().Sorted)).ToArray();
        var marks = new List<Mark>();
        for (var index = 0; index < deals.Length; index++)
        {
            var (name, sorted) = deals[index];
            marks.Add(new LineMark(name, new SeriesStyle(Shade(index, deals.Length), Marker.None), [.. sorted.Select((_, rank) => rank + 1.0)], sorted)
            {
                InLegend = false,
                Hover = [.. sorted.Select((entries, rank) => $"{name}\nhead of rank {Format.Whole(rank + 1)}\n{Format.Short(entries)} entries")],
            });
        }
        var mean = allocations.MinBy(allocation => allocation.Beta)!.Entries.Average();
        marks.Add(new RuleMark(mean, $"uniform: {Format.Short(mean)}"));
        var (ranks, room) = (deals.Max(deal => deal.Sorted.Length), deals.Max(deal => TextSize.Width(deal.Name, Theme.LabelSize)) + 14);
        var round = Axis.Linear("", [], min: 1, max: Math.Max(ranks, 2)).Ticks.Where(tick => tick.Value > 1 && tick.Value <= ranks);
        var x = new Axis("Heads, from most to fewest entries (rank)", 1 - Math.Max(ranks - 1, 1) * room / (600 - room), Math.Max(ranks, 2), [new Tick(1, "1"), .. round]);
        var y = Axis.Linear("Entries kept", deals.SelectMany(deal => deal.Sorted), min: 0);
        var sketch = new Sketch(title, note, [new Panel("", x, y, marks)]) { Height = 440 };
        return (sketch with { Panels = [new Panel("", x, y, [.. marks, .. Names(deals, y, PageLayout.Of(sketch).Panels[0].Height)])] }).ToFigure();
    }

    /// <summary>The names at the beginnings of the lines, moved apart where they would touch, and all of them inside the panel.</summary>
    private static IEnumerable<TextMark> Names((string Name, double[] Sorted)[] deals, Axis y, double height)
    {
        var ascending = Enumerable.Range(0, deals.Length).OrderBy(index => deals[index].Sorted[0]).ToArray();
        var line = LabelHeight / height * (y.Max - y.Min);
        var places = Spread([.. ascending.Select(index => deals[index].Sorted[0])], line);
        var up = Math.Max(0, y.Min + line / 2 - places[0]);
        var down = Math.Max(0, places[^1] + up - (y.Max - line / 2));
        return ascending.Select((index, rank) => new TextMark(1, places[rank] + up - down, deals[index].Name, Anchor.End) { Colour = Shade(index, deals.Length), Size = Theme.LabelSize, Shift = -6 });
    }

    /// <summary>Moves ascending values apart until neighbours differ by at least <paramref name="spacing"/>; groups stay centred on their values' mean.</summary>
    internal static double[] Spread(IReadOnlyList<double> ascending, double spacing)
    {
        var groups = new List<(double Sum, int Count)>();
        foreach (var value in ascending)
        {
            groups.Add((value, 1));
            while (groups.Count > 1 && Low(groups[^1]) - High(groups[^2]) < spacing)
            {
                groups[^2] = (groups[^2].Sum + groups[^1].Sum, groups[^2].Count + groups[^1].Count);
                groups.RemoveAt(groups.Count - 1);
            }
        }
        return [.. groups.SelectMany(group => Enumerable.Range(0, group.Count).Select(index => Low(group) + index * spacing))];

        double Low((double Sum, int Count) group) => group.Sum / group.Count - (group.Count - 1) * spacing / 2;
        double High((double Sum, int Count) group) => group.Sum / group.Count + (group.Count - 1) * spacing / 2;
    }

    private static string Shade(int index, int count) => ColourScale.Between(Ramp, count == 1 ? 0 : index / (count - 1.0));
}
