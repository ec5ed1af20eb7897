using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>A named series of measurements.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="X">Where it was measured, <c>[point]</c>.</param>
/// <param name="Y">What was measured, <c>[point]</c>; not-a-number interrupts the line.</param>
public sealed record Curve(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    /// <summary>Lower ends of the intervals, <c>[point]</c>; null where there are none.</summary>
    public IReadOnlyList<double>? Low { get; init; }

    /// <summary>Upper ends of the intervals, <c>[point]</c>; null where there are none.</summary>
    public IReadOnlyList<double>? High { get; init; }

    /// <summary>Samples behind each point, <c>[point]</c>, written above it at the panel's upper edge; null where that is not of interest.</summary>
    public IReadOnlyList<int>? Samples { get; init; }
}

/// <summary>How distances along an axis are to be read.</summary>
public enum Spacing
{
    /// <summary>Equal distances are equal differences.</summary>
    Linear,
    /// <summary>Equal distances are equal ratios; values must be positive. Of an x axis every measured place is marked.</summary>
    Logarithmic,
    /// <summary>The measured places stand side by side at equal distances, whatever lies between them; of an x axis only.</summary>
    Ordinal,
}

/// <summary>Lines over any quantity: the plain chart for ablations that have no figure of their own.</summary>
public static class Curves
{
    /// <summary>Draws the lines. On logarithmic and ordinal axes points with intervals of several lines at one place stand a little apart, so that no interval hides another.</summary>
    /// <param name="curves">The series.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="xTitle">What is varied, with its unit.</param>
    /// <param name="yTitle">What is measured, with its unit.</param>
    /// <param name="note">How to read it.</param>
    /// <param name="spacing">How distances along the x axis are to be read.</param>
    /// <param name="fromZero">Whether a linear y axis begins at zero.</param>
    /// <param name="xFormat">Spells values of x; <see cref="Format.Short"/> by default.</param>
    /// <param name="ySpacing">How distances along the y axis are to be read; a logarithmic one begins at the round number below the values.</param>
    /// <param name="levels">Values of y with a dashed line across, each with its name.</param>
    /// <exception cref="ArgumentException">A series has not as many y, intervals or samples as x, there is none, or a logarithm is asked of what is not positive.</exception>
    public static Figure Draw(IReadOnlyList<Curve> curves, string title, string xTitle, string yTitle, string note = "",
        Spacing spacing = Spacing.Linear, bool fromZero = true, Func<double, string>? xFormat = null, Spacing ySpacing = Spacing.Linear,
        IReadOnlyList<(double Value, string Label)>? levels = null) =>
        new Sketch(title, note, [PanelOf("", curves, xTitle, yTitle, spacing, fromZero, xFormat, ySpacing, levels)]).ToFigure();

    internal static Panel PanelOf(string heading, IReadOnlyList<Curve> curves, string xTitle, string yTitle, Spacing spacing, bool fromZero, Func<double, string>? xFormat,
        Spacing ySpacing = Spacing.Linear, IReadOnlyList<(double Value, string Label)>? levels = null)
    {
        Check(curves, ySpacing);
        var styles = Theme.StylesFor([.. curves.Select(curve => curve.Name)]);
        var x = new Places(xTitle, curves, spacing, xFormat ?? Format.Short);
        var y = Heights(yTitle, curves, fromZero, ySpacing, levels ?? []);
        Func<double, double> height = ySpacing == Spacing.Logarithmic ? Math.Log2 : value => value;
        var counted = curves.Where(curve => curve.Samples is not null).ToArray();
        var room = (y.Max - y.Min) * 0.1;
        var marks = new List<Mark>((levels ?? []).Select(level => new RuleMark(height(level.Value), level.Label)));
        for (var index = 0; index < curves.Count; index++) marks.Add(Line(curves[index], styles[index], index, x, height, yTitle));
        for (var row = 0; row < counted.Length; row++)
        {
            var (curve, colour) = (counted[row], counted.Length == 1 ? Theme.SoftInk : styles[Array.IndexOf([.. curves], counted[row])].Colour);
            marks.AddRange(curve.Samples!.Select((count, point) => new TextMark(x.Of(curve.X[point]), y.Max + room * (counted.Length - row - 0.5), $"n = {Format.Fixed(count, 0)}", Anchor.Middle) { Colour = colour, Size = Theme.TickSize }));
        }
        return new Panel(heading, x.Axis, y with { Max = y.Max + room * counted.Length }, marks);
    }

    private static void Check(IReadOnlyList<Curve> curves, Spacing ySpacing)
    {
        if (curves.Count == 0) throw new ArgumentException("There is no curve to draw.", nameof(curves));
        if (ySpacing == Spacing.Ordinal) throw new ArgumentException("A y axis has values, no places side by side: give linear or logarithmic spacing.", nameof(ySpacing));
        foreach (var curve in curves)
        {
            if (new[] { curve.Y.Count, (curve.Low ?? curve.Y).Count, (curve.High ?? curve.Y).Count, curve.Samples?.Count ?? curve.Y.Count }.Any(count => count != curve.X.Count))
                throw new ArgumentException($"Curve '{curve.Name}' has {curve.X.Count} places and {curve.Y.Count} values: give one value, and one interval and number of samples or none, for each place.", nameof(curves));
            if (ySpacing == Spacing.Logarithmic && Values(curve).Any(value => value <= 0))
                throw new ArgumentException($"Curve '{curve.Name}' has values that are not positive: they have no place on a logarithmic axis.", nameof(curves));
        }
    }

    private static IEnumerable<double> Values(Curve curve) => curve.Y.Concat(curve.Low ?? []).Concat(curve.High ?? []).Where(double.IsFinite);

    private static Axis Heights(string title, IReadOnlyList<Curve> curves, bool fromZero, Spacing spacing, IReadOnlyList<(double Value, string Label)> levels)
    {
        double[] values = [.. curves.SelectMany(Values).Concat(levels.Select(level => level.Value))];
        return spacing == Spacing.Logarithmic && values.Length > 0 ? Axis.Ratios(title, values) : Axis.Linear(title, values, min: fromZero ? 0 : null);
    }

    private static LineMark Line(Curve curve, SeriesStyle style, int index, Places x, Func<double, double> height, string yTitle)
    {
        var crowded = curve.X.Count > 40;
        var aside = crowded ? 0 : x.Aside(index);
        return new LineMark(curve.Name, crowded ? style with { Marker = Marker.None } : style, [.. curve.X.Select(value => x.Of(value) + aside)], [.. curve.Y.Select(height)])
        {
            Low = curve.Low is null ? null : [.. curve.Low.Select(height)],
            High = curve.High is null ? null : [.. curve.High.Select(height)],
            Hover = [.. curve.X.Select((value, point) => $"{curve.Name}\n{x.Axis.Title}: {x.Spell(value)}\n{yTitle}: {Format.Short(curve.Y[point])}{Interval(curve, point)}{(curve.Samples is { } samples ? $"\nn = {Format.Fixed(samples[point], 0)}" : "")}")],
        };
    }

    private static string Interval(Curve curve, int point) => curve is { Low: { } low, High: { } high } && double.IsFinite(low[point]) && double.IsFinite(high[point])
        ? $" [{Format.Short(low[point])}, {Format.Short(high[point])}]"
        : "";

    /// <summary>The x axis: where a value stands on it, and how far aside each line's points stand.</summary>
    private sealed class Places
    {
        private readonly double[] distinct;
        private readonly Spacing spacing;
        private readonly double step;
        private readonly int count;

        public Places(string title, IReadOnlyList<Curve> curves, Spacing spacing, Func<double, string> spell)
        {
            (this.spacing, Spell, count) = (spacing, spell, curves.Count);
            distinct = [.. curves.SelectMany(curve => curve.X).Distinct().Order()];
            Axis = spacing switch
            {
                Spacing.Logarithmic => Axis.Logarithmic(title, distinct, spell),
                Spacing.Ordinal => Axis.Categories(title, [.. distinct.Select(spell)]) with { Grid = true },
                _ => Axis.Linear(title, distinct, format: spell == Format.Short ? null : spell),
            };
            step = curves.All(curve => curve.Low is null) ? 0 : spacing switch // without intervals points stay where they were measured
            {
                Spacing.Logarithmic => Math.Min((Axis.Max - Axis.Min) * 0.011, Nearest() * 0.7 / count),
                Spacing.Ordinal => Math.Min(0.14, 0.7 / count),
                _ => 0, // places are read off the axis, so points stay on them
            };
        }

        public Axis Axis { get; }

        public Func<double, string> Spell { get; }

        public double Of(double value) => spacing switch
        {
            Spacing.Logarithmic => Math.Log2(value),
            Spacing.Ordinal => Array.BinarySearch(distinct, value),
            _ => value,
        };

        public double Aside(int index) => (index - (count - 1) / 2.0) * step;

        /// <summary>Distance of the two nearest places.</summary>
        private double Nearest() => distinct.Zip(distinct.Skip(1), (one, two) => Math.Log2(two / one)).DefaultIfEmpty(1).Min();
    }
}
