using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>Scores of one method under several conditions.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Scores">Scores, <c>[condition]</c>; not-a-number where nothing was measured.</param>
public sealed record MethodScores(string Method, IReadOnlyList<double> Scores)
{
    /// <summary>Lower ends of their 95 % intervals, <c>[condition]</c>; null where there are none.</summary>
    public IReadOnlyList<double>? Low { get; init; }

    /// <summary>Upper ends of their 95 % intervals, <c>[condition]</c>; null where there are none.</summary>
    public IReadOnlyList<double>? High { get; init; }
}

/// <summary>
/// Dot plot: the scores of several methods under conditions without an order, such as kinds of question or models. One column for
/// each condition, in it one point for each method, side by side, with 95 % intervals.
/// </summary>
public static class MethodDots
{
    private const double ColumnShare = 0.8;

    /// <summary>Draws the points.</summary>
    /// <param name="conditions">Names of the conditions, from left to right.</param>
    /// <param name="methods">The methods, in the order in which they stand in each column.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="measure">Name of the score, with its unit.</param>
    /// <param name="note">How to read it.</param>
    /// <param name="conditionTitle">What the conditions are.</param>
    /// <exception cref="ArgumentException">There is no condition or no method, or a method has not one score, and one interval or none, for each condition.</exception>
    public static Figure Draw(IReadOnlyList<string> conditions, IReadOnlyList<MethodScores> methods, string title = "How the methods compare",
        string measure = "Score", string note = "Points are means, whiskers their 95 % intervals. Within a column the methods stand side by side.", string conditionTitle = "")
    {
        if (conditions.Count == 0 || methods.Count == 0) throw new ArgumentException("There is nothing to compare: give at least one condition and one method.", nameof(conditions));
        if (methods.FirstOrDefault(method => Lengths(method).Any(length => length != conditions.Count)) is { } odd)
            throw new ArgumentException($"'{odd.Method}' has {odd.Scores.Count} scores for {conditions.Count} conditions: give one score, and one interval or none, for each.", nameof(methods));
        var styles = Theme.StylesFor([.. methods.Select(method => method.Method)]);
        var marks = new List<Mark>(Enumerable.Range(1, conditions.Count - 1).Select(column => new RuleMark(column - 0.5, "") { Upright = true, Colour = Theme.Grid, Dash = Dash.Solid }));
        for (var index = 0; index < methods.Count; index++)
        {
            var (method, aside) = (methods[index], (index - (methods.Count - 1) / 2.0) * ColumnShare / methods.Count);
            var style = styles[index].Marker == Marker.None ? styles[index] with { Marker = Marker.Circle } : styles[index]; // the full cache, elsewhere a line across
            marks.Add(new LineMark(method.Method, style, [.. conditions.Select((_, column) => column + aside)], method.Scores)
            {
                Joined = false,
                Low = method.Low,
                High = method.High,
                Hover = [.. method.Scores.Select((score, column) => $"{method.Method}, {conditions[column]}\n{measure}: {Format.Interval(score, method.Low?[column] ?? double.NaN, method.High?[column] ?? double.NaN)}")],
            });
        }
        double[] seen = [.. methods.SelectMany(method => method.Scores.Concat(method.Low ?? []).Concat(method.High ?? [])).Where(double.IsFinite)];
        var shares = seen.Length == 0 || (seen.Min() >= 0 && seen.Max() <= 1);
        var y = shares ? Axis.Linear(measure, [0, 1], min: -0.02, max: 1.02) : Axis.Linear(measure, seen, min: seen.Min() >= 0 ? 0 : null);
        var width = Math.Clamp(110 + conditions.Count * Math.Max(60, methods.Count * 20), 560, 960);
        return new Sketch(title, note, [new Panel("", Axis.Categories(conditionTitle, conditions), y, marks)]) { Width = width, Height = 440 }.ToFigure();
    }

    private static IEnumerable<int> Lengths(MethodScores method) => [method.Scores.Count, (method.Low ?? method.Scores).Count, (method.High ?? method.Scores).Count];
}
