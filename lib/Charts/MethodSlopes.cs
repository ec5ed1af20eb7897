using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>Scores of one method under several conditions.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Scores">Scores, <c>[condition]</c>; not-a-number where nothing was measured.</param>
public sealed record MethodScores(string Method, IReadOnlyList<double> Scores);

/// <summary>Slope chart: how methods rise, fall and change places from condition to condition. Lines are labelled at both ends.</summary>
public static class MethodSlopes
{
    private const double LabelHeight = 14;

    /// <summary>Draws the slopes.</summary>
    /// <param name="conditions">Names of the conditions, from left to right: budgets, suites, models.</param>
    /// <param name="methods">The methods.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="measure">Name of the score.</param>
    /// <param name="note">How to read it.</param>
    /// <exception cref="ArgumentException">There are fewer than two conditions, or a method has not one score for each.</exception>
    public static Figure Draw(IReadOnlyList<string> conditions, IReadOnlyList<MethodScores> methods, string title = "How the methods compare",
        string measure = "Score", string note = "")
    {
        if (conditions.Count < 2) throw new ArgumentException("Slopes need at least two conditions.", nameof(conditions));
        if (methods.FirstOrDefault(method => method.Scores.Count != conditions.Count) is { } odd)
            throw new ArgumentException($"'{odd.Method}' has {odd.Scores.Count} scores for {conditions.Count} conditions.", nameof(methods));
        var styles = Theme.StylesFor([.. methods.Select(method => method.Method)]);
        var lines = methods.Select((method, index) => (Mark)new LineMark(method.Method, styles[index], [.. conditions.Select((_, place) => (double)place)], method.Scores)
        {
            InLegend = false,
            Hover = [.. method.Scores.Select((score, place) => $"{method.Method}, {conditions[place]}\n{measure}: {Words.Fixed(score, 2)}")],
        }).ToArray();
        var room = methods.Select(method => TextSize.Width(method.Method + " 0.00", Theme.LabelSize)).DefaultIfEmpty(0).Max() + 16;
        var edges = conditions.Select((condition, place) => new Tick(place, condition)).ToArray();
        // The label room at the left lies inside the axis, that at the right is kept free by the sketch.
        var share = room / (760 - 2 * room - 60) * (conditions.Count - 1);
        var x = new Axis("", -share, conditions.Count - 1 + 0.02, edges) { Grid = true };
        double[] scores = [.. methods.SelectMany(method => method.Scores).Where(double.IsFinite).DefaultIfEmpty(0)];
        var margin = scores.Max() > scores.Min() ? 0.04 * (scores.Max() - scores.Min()) : 0.5;
        var y = new Axis("", scores.Min() - margin, scores.Max() + margin, []);
        var sketch = new Sketch(title, note, [new Panel("", x, y, lines)]) { Height = Math.Clamp(140 + methods.Count * 40, 360, 620), RightRoom = room };
        var height = PageLayout.Of(sketch).Panels[0].Height;
        y = WithRoomForLabels(y, methods, height, [0, conditions.Count - 1]);
        var marks = lines.Concat(Labels(methods, styles, y, height, 0, Anchor.End)).Concat(Labels(methods, styles, y, height, conditions.Count - 1, Anchor.Start));
        return (sketch with { Panels = [new Panel("", x, y, [.. marks])] }).ToFigure();
    }

    /// <summary>Labels at one end of the lines, moved apart where they would touch: as little as possible, keeping their order.</summary>
    private static IEnumerable<TextMark> Labels(IReadOnlyList<MethodScores> methods, IReadOnlyList<SeriesStyle> styles, Axis y, double height, int place, Anchor anchor)
    {
        var shown = Shown(methods, place);
        var places = Places(y, methods, height, place);
        for (var rank = 0; rank < shown.Length; rank++)
        {
            var (method, style) = (methods[shown[rank]], styles[shown[rank]]);
            var words = anchor == Anchor.End ? $"{method.Method}  {Words.Fixed(method.Scores[place], 2)}" : $"{Words.Fixed(method.Scores[place], 2)}  {method.Method}";
            yield return new TextMark(place, places[rank], words, anchor) { Colour = style.Colour, Size = Theme.LabelSize, Shift = anchor == Anchor.End ? -11 : 11 };
        }
    }

    /// <summary>Widens the axis until the labels at both ends fit. Each label takes the less of it the wider it is, so this ends.</summary>
    private static Axis WithRoomForLabels(Axis y, IReadOnlyList<MethodScores> methods, double height, int[] ends)
    {
        for (var round = 0; round < 20; round++)
        {
            var half = LabelHeight / 2 / height * (y.Max - y.Min);
            var places = ends.SelectMany(place => Places(y, methods, height, place)).DefaultIfEmpty((y.Min + y.Max) / 2).ToArray();
            double low = places.Min() - half, high = places.Max() + half;
            if (low >= y.Min && high <= y.Max) break;
            y = y with { Min = Math.Min(y.Min, low), Max = Math.Max(y.Max, high) };
        }
        return y;
    }

    /// <summary>Methods with a score under a condition, lowest first.</summary>
    private static int[] Shown(IReadOnlyList<MethodScores> methods, int place) =>
        [.. Enumerable.Range(0, methods.Count).Where(index => double.IsFinite(methods[index].Scores[place])).OrderBy(index => methods[index].Scores[place])];

    /// <summary>Where their labels stand.</summary>
    private static double[] Places(Axis y, IReadOnlyList<MethodScores> methods, double height, int place) =>
        Spread([.. Shown(methods, place).Select(index => methods[index].Scores[place])], LabelHeight / height * (y.Max - y.Min));

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
}
