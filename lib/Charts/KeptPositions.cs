using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>What one method, or one head, kept of a prompt.</summary>
/// <param name="Name">Name of the row.</param>
/// <param name="Share">Share of its heads that kept a position, <c>[position]</c>, between 0 and 1.</param>
public sealed record KeptShare(string Name, IReadOnlyList<double> Share);

/// <summary>Which stretches of a prompt are kept, one row for each method or head, the prompt from left to right; places of interest are pointed at from above.</summary>
public static class KeptPositions
{
    /// <summary>Draws the rows.</summary>
    /// <param name="rows">The methods or heads, all over the same prompt.</param>
    /// <param name="landmarks">Positions to point at, with a word each: the needle, the question.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="note">How to read it.</param>
    /// <param name="bins">Number of stretches the prompt is divided into; a stretch shows the largest share among its positions.</param>
    /// <exception cref="ArgumentException">There is no row, or their prompts differ.</exception>
    public static Figure Draw(IReadOnlyList<KeptShare> rows, IReadOnlyList<(int Position, string Label)>? landmarks = null, string title = "What each method keeps",
        string note = "The prompt runs from left to right: the darker a stretch, the more heads kept one of its tokens; white, none did.", int bins = 160)
    {
        if (rows.Count == 0 || rows[0].Share.Count == 0) throw new ArgumentException("There is nothing kept to draw.", nameof(rows));
        var length = rows[0].Share.Count;
        if (rows.FirstOrDefault(row => row.Share.Count != length) is { } odd)
            throw new ArgumentException($"'{odd.Name}' has {odd.Share.Count} positions, '{rows[0].Name}' {length}.", nameof(rows));
        bins = Math.Clamp(bins, 1, length);
        var values = new double[rows.Count, bins];
        var hover = new string[rows.Count, bins];
        for (var row = 0; row < rows.Count; row++)
        {
            for (var bin = 0; bin < bins; bin++)
            {
                int from = (int)((long)bin * length / bins), to = (int)((long)(bin + 1) * length / bins);
                var share = values[row, bin] = Enumerable.Range(from, to - from).Max(position => rows[row].Share[position]);
                hover[row, bin] = $"{rows[row].Name}\npositions {Format.Fixed(from, 0)} to {Format.Fixed(to - 1, 0)}\nkept by up to {Format.Percent(Math.Round(share, 3))} of the heads";
            }
        }
        double Place(double position) => position * bins / length - 0.5;
        var ticks = Axis.Linear("", [], min: 0, max: length).Ticks.Select(tick => tick with { Value = Place(tick.Value) }).ToArray();
        var marks = new List<Mark> { new CellMark(values, new ColourScale("share of heads", 0, 1) { Format = Format.Percent, Sparse = true }) { Hover = hover, Gaps = false } };
        marks.AddRange((landmarks ?? []).Select(landmark => new PointerMark(Place(landmark.Position + 0.5), landmark.Label) { LabelBefore = landmark.Position > 0.6 * length }));
        var panel = new Panel("", new Axis("Position in the prompt (tokens)", -0.5, bins - 0.5, ticks), Axis.Categories("", [.. rows.Select(row => row.Name)], reversed: true), marks);
        return new Sketch(title, note, [panel]) { Height = Math.Clamp(150 + rows.Count * 34, 220, 700), Width = 860 }.ToFigure();
    }
}
