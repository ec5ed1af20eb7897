using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>Scores of one method with the needle at every depth of contexts of every length.</summary>
/// <param name="Method">Name of the method, the heading of its panel.</param>
/// <param name="Scores">Scores between 0 and 1, <c>[depth, length]</c>; not-a-number where nothing was measured.</param>
public sealed record NeedleScores(string Method, double[,] Scores);

/// <summary>Needle in a haystack: was the needle found, by context length and depth; one panel for each method, all of one scale.</summary>
public static class NeedleMap
{
    /// <summary>Draws the maps.</summary>
    /// <param name="lengths">Context lengths in tokens, ascending.</param>
    /// <param name="depths">Depths of the needle as shares of the context, 0 for its beginning, ascending.</param>
    /// <param name="methods">One or more methods.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="measure">Name of the score.</param>
    /// <param name="note">How to read it.</param>
    /// <exception cref="ArgumentException">A method has not one score for each depth and length.</exception>
    public static Figure Draw(IReadOnlyList<int> lengths, IReadOnlyList<double> depths, IReadOnlyList<NeedleScores> methods,
        string title = "Needle in a haystack", string measure = "recall",
        string note = "Dark cells: the needle was found. The depth is where it stood in the context, 0 % at the beginning.")
    {
        if (methods.Count == 0) throw new ArgumentException("There is no method to draw.", nameof(methods));
        if (methods.FirstOrDefault(method => method.Scores.GetLength(0) != depths.Count || method.Scores.GetLength(1) != lengths.Count) is { } odd)
            throw new ArgumentException($"'{odd.Method}' has {odd.Scores.GetLength(0)} x {odd.Scores.GetLength(1)} scores for {depths.Count} depths and {lengths.Count} lengths.", nameof(methods));
        var columns = methods.Count == 1 ? 1 : 2;
        var rows = (methods.Count + columns - 1) / columns;
        var panels = methods.Select((method, index) => PanelOf(method, lengths, depths, measure, left: index % columns == 0, lowest: index + columns >= methods.Count));
        return new Sketch(title, note, [.. panels]) { Columns = columns, Width = columns == 1 ? 760 : 900, Height = 110 + rows * Math.Clamp(90 + depths.Count * 20, 170, 340) }.ToFigure();
    }

    private static Panel PanelOf(NeedleScores method, IReadOnlyList<int> lengths, IReadOnlyList<double> depths, string measure, bool left, bool lowest)
    {
        var hover = new string[depths.Count, lengths.Count];
        var labels = new string[depths.Count, lengths.Count];
        for (var depth = 0; depth < depths.Count; depth++)
        {
            for (var length = 0; length < lengths.Count; length++)
            {
                var score = method.Scores[depth, length];
                hover[depth, length] = $"{method.Method}\n{Format.Fixed(lengths[length], 0)} tokens, needle at {Format.Percent(depths[depth])}\n{measure}: {Format.Fixed(score, 2)}";
                labels[depth, length] = double.IsNaN(score) ? "" : Format.Fixed(score, 2);
            }
        }
        var mean = method.Scores.Cast<double>().Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();
        return new Panel($"{method.Method}: mean {Format.Fixed(mean, 2)}",
            Axis.Categories(lowest ? "Context length (tokens)" : "", [.. lengths.Select(length => Format.Tokens(length))]),
            Axis.Categories(left ? "Depth of the needle" : "", [.. depths.Select(Format.Percent)], reversed: true),
            [new CellMark(method.Scores, new ColourScale(measure, 0, 1)) { Hover = hover, Labels = labels }]);
    }
}
