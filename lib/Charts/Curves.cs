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
}

/// <summary>How distances along the x axis are to be read.</summary>
public enum Spacing
{
    /// <summary>Equal distances are equal differences.</summary>
    Linear,
    /// <summary>Equal distances are equal ratios; every measured place is marked, and must be positive.</summary>
    Logarithmic,
    /// <summary>The measured places stand side by side at equal distances, whatever lies between them.</summary>
    Ordinal,
}

/// <summary>Lines over any quantity: the plain chart for ablations that have no figure of their own.</summary>
public static class Curves
{
    /// <summary>Draws the lines.</summary>
    /// <param name="curves">The series.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="xTitle">What is varied, with its unit.</param>
    /// <param name="yTitle">What is measured, with its unit.</param>
    /// <param name="note">How to read it.</param>
    /// <param name="spacing">How distances along the x axis are to be read.</param>
    /// <param name="fromZero">Whether the y axis begins at zero.</param>
    /// <param name="xFormat">Spells values of x; <see cref="Words.Short"/> by default.</param>
    /// <exception cref="ArgumentException">A series has not as many y as x, or there is none.</exception>
    public static Figure Draw(IReadOnlyList<Curve> curves, string title, string xTitle, string yTitle, string note = "",
        Spacing spacing = Spacing.Linear, bool fromZero = true, Func<double, string>? xFormat = null) =>
        new Sketch(title, note, [PanelOf("", curves, xTitle, yTitle, spacing, fromZero, xFormat)]).ToFigure();

    internal static Panel PanelOf(string heading, IReadOnlyList<Curve> curves, string xTitle, string yTitle, Spacing spacing, bool fromZero, Func<double, string>? xFormat)
    {
        if (curves.Count == 0) throw new ArgumentException("There is no curve to draw.", nameof(curves));
        foreach (var curve in curves)
        {
            if (curve.X.Count != curve.Y.Count || (curve.Low ?? curve.Y).Count != curve.Y.Count || (curve.High ?? curve.Y).Count != curve.Y.Count)
                throw new ArgumentException($"Curve '{curve.Name}' has {curve.X.Count} places and {curve.Y.Count} values: give one value, and one interval or none, for each place.", nameof(curves));
        }
        var styles = Theme.StylesFor([.. curves.Select(curve => curve.Name)]);
        var places = curves.SelectMany(curve => curve.X);
        var heights = curves.SelectMany(curve => curve.Y.Concat(curve.Low ?? []).Concat(curve.High ?? []));
        double[] distinct = [.. places.Distinct().Order()];
        var spell = xFormat ?? Words.Short;
        var x = spacing switch
        {
            Spacing.Logarithmic => Axis.Logarithmic(xTitle, distinct, spell),
            Spacing.Ordinal => Axis.Categories(xTitle, [.. distinct.Select(spell)]) with { Grid = true },
            _ => Axis.Linear(xTitle, distinct, format: xFormat),
        };
        Func<double, double> place = spacing switch
        {
            Spacing.Logarithmic => Math.Log2,
            Spacing.Ordinal => value => Array.BinarySearch(distinct, value),
            _ => value => value,
        };
        var y = Axis.Linear(yTitle, heights, min: fromZero ? 0 : null);
        return new Panel(heading, x, y, [.. curves.Select((curve, index) => Line(curve, styles[index], place, xTitle, yTitle, spell))]);
    }

    private static LineMark Line(Curve curve, SeriesStyle style, Func<double, double> place, string xTitle, string yTitle, Func<double, string> xFormat)
    {
        var crowded = curve.X.Count > 40;
        return new LineMark(curve.Name, crowded ? style with { Marker = Marker.None } : style, [.. curve.X.Select(place)], curve.Y)
        {
            Low = curve.Low,
            High = curve.High,
            Hover = [.. curve.X.Select((x, point) => $"{curve.Name}\n{xTitle}: {xFormat(x)}\n{yTitle}: {Words.Short(curve.Y[point])}{Interval(curve, point)}")],
        };
    }

    private static string Interval(Curve curve, int point) => curve is { Low: { } low, High: { } high } && double.IsFinite(low[point]) && double.IsFinite(high[point])
        ? $" [{Words.Short(low[point])}, {Words.Short(high[point])}]"
        : "";
}
