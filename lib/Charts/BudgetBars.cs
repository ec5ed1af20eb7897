using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>How many entries each head keeps under one method.</summary>
/// <param name="Method">Name of the method, the heading of its panel.</param>
/// <param name="Entries">Kept entries, <c>[layer, kvHead]</c>.</param>
public sealed record HeadBudgets(string Method, int[,] Entries);

/// <summary>Kept entries of every head as bars, in groups of one layer each; one panel for each method, all of one scale.</summary>
public static class BudgetBars
{
    /// <summary>Draws the bars.</summary>
    /// <param name="budgets">One or more methods on the same model.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="note">How to read it.</param>
    /// <exception cref="ArgumentException">There is no method, or their models differ.</exception>
    public static Figure Draw(IReadOnlyList<HeadBudgets> budgets, string title = "How many entries each head may keep",
        string note = "One bar is one KV head, one group of bars one layer. The dashed line is the mean, what every head would get under a uniform budget.")
    {
        if (budgets.Count == 0 || budgets[0].Entries.Length == 0) throw new ArgumentException("There is no budget to draw.", nameof(budgets));
        int layers = budgets[0].Entries.GetLength(0), heads = budgets[0].Entries.GetLength(1);
        if (budgets.FirstOrDefault(other => other.Entries.GetLength(0) != layers || other.Entries.GetLength(1) != heads) is { } odd)
            throw new ArgumentException($"'{odd.Method}' has {odd.Entries.GetLength(0)} x {odd.Entries.GetLength(1)} heads, '{budgets[0].Method}' {layers} x {heads}.", nameof(budgets));
        var largest = budgets.Max(budget => budget.Entries.Cast<int>().Max());
        var panels = budgets.Select((budget, index) => PanelOf(budget, budgets.Count > 1 ? budget.Method : "", largest, last: index == budgets.Count - 1));
        return new Sketch(title, note, [.. panels]) { Height = 130 + budgets.Count * (budgets.Count == 1 ? 280 : 180), Width = 820 }.ToFigure();
    }

    private static Panel PanelOf(HeadBudgets budget, string heading, int largest, bool last)
    {
        int layers = budget.Entries.GetLength(0), heads = budget.Entries.GetLength(1);
        var mean = budget.Entries.Cast<int>().Average();
        var width = 0.84 / heads;
        var above = new List<(double X, double Y, string Hover)>();
        var below = new List<(double X, double Y, string Hover)>();
        for (var layer = 0; layer < layers; layer++)
        {
            for (var head = 0; head < heads; head++)
            {
                var entries = budget.Entries[layer, head];
                (entries >= mean ? above : below).Add((layer - 0.42 + width * (head + 0.5), entries,
                    $"{budget.Method}\nlayer {Format.Whole(layer)}, KV head {Format.Whole(head)}\n{Format.Fixed(entries, 0)} entries ({Format.Short(entries / mean)} times the mean)"));
            }
        }
        var x = Axis.Categories(last ? "Layer" : "", [.. Enumerable.Range(0, layers).Select(layer => Format.Whole(layer))]);
        var marks = new List<Mark>();
        if (above.Count > 0) marks.Add(Bars("at least the mean", Theme.Bar, above, width)); // bars that are not there would take the legend's entry along
        if (below.Count > 0) marks.Add(Bars("less than the mean", Theme.BarPale, below, width));
        marks.Add(new RuleMark(mean, $"mean {Format.Fixed(mean, 0)}"));
        return new Panel(heading, x, Axis.Linear("Entries", [largest], min: 0), marks);
    }

    private static BarMark Bars(string name, string colour, List<(double X, double Y, string Hover)> bars, double width) =>
        new(name, colour, [.. bars.Select(bar => bar.X)], [.. bars.Select(bar => bar.Y)], width * 0.9) { Hover = [.. bars.Select(bar => bar.Hover)] };
}
