using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>Heat map of how much each head matters: layers from left to right, heads from top to bottom.</summary>
public static class HeadMap
{
    /// <summary>Draws the heat map.</summary>
    /// <param name="scores">Importance, <c>[layer, head]</c>; not-a-number where it is not known.</param>
    /// <param name="head">What a row is: <c>KV head</c> or <c>Query head</c>.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="measure">Name of the score with its unit, for the colour bar.</param>
    /// <param name="note">How to read it; by default what a cell and its colour are.</param>
    /// <param name="max">Score of the darkest colour; by default the largest score.</param>
    /// <exception cref="ArgumentException">There is no head.</exception>
    public static Figure Draw(double[,] scores, string head = "KV head", string title = "Which heads matter", string measure = "importance score",
        string? note = null, double? max = null)
    {
        int layers = scores.GetLength(0), heads = scores.GetLength(1);
        if (layers == 0 || heads == 0) throw new ArgumentException("A heat map of heads needs at least one layer and one head.", nameof(scores));
        var values = new double[heads, layers];
        var labels = new string[heads, layers];
        var hover = new string[heads, layers];
        var scale = new ColourScale(measure, 0, Largest(scores, max));
        var decimals = Math.Max(0, 1 - (int)Math.Floor(Math.Log10(scale.Max)));
        for (var layer = 0; layer < layers; layer++)
        {
            for (var index = 0; index < heads; index++)
            {
                var score = values[index, layer] = scores[layer, index];
                labels[index, layer] = double.IsNaN(score) ? "" : Format.Fixed(score, decimals);
                hover[index, layer] = $"layer {Format.Whole(layer)}, {head} {Format.Whole(index)}\n{measure}: {Format.Short(score)}";
            }
        }
        var fewCells = layers <= 16;
        var panel = new Panel("", Axis.Categories("Layer", Names(layers)), Axis.Categories(head, Names(heads), reversed: true),
            [new CellMark(values, scale) { Hover = hover, Labels = fewCells ? labels : null }]);
        return new Sketch(title, note ?? $"One cell is one head; the darker, the higher its {measure}.", [panel]) { Height = Math.Clamp(160 + heads * 34, 240, 640) }.ToFigure();
    }

    private static double Largest(double[,] scores, double? given)
    {
        if (given is > 0) return given.Value;
        var largest = scores.Cast<double>().Where(double.IsFinite).DefaultIfEmpty(0).Max();
        return largest > 0 ? largest : 1;
    }

    private static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(index => Format.Whole(index))];
}
