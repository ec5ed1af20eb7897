using HeadKvLab.Charts.Svg;

namespace HeadKvLab.Charts.Sketches;

/// <summary>One set of axes and what is drawn in it.</summary>
/// <param name="Title">Heading of the panel; empty for none.</param>
/// <param name="X">Horizontal axis.</param>
/// <param name="Y">Vertical axis.</param>
/// <param name="Marks">What is drawn, first below.</param>
public sealed record Panel(string Title, Axis X, Axis Y, IReadOnlyList<Mark> Marks);

/// <summary>
/// A figure before it is drawn: panels in a grid below a title. Both the interactive chart and the static image are drawn from it,
/// at the same places, so that they always show the same.
/// </summary>
/// <param name="Title">What the figure shows, in a few words.</param>
/// <param name="Note">One or two sentences that say how to read it; empty for none.</param>
/// <param name="Panels">The panels, row by row.</param>
public sealed record Sketch(string Title, string Note, IReadOnlyList<Panel> Panels)
{
    /// <summary>Number of panels side by side.</summary>
    public int Columns { get; init; } = 1;

    /// <summary>Width of the whole figure in pixels.</summary>
    public int Width { get; init; } = 760;

    /// <summary>Height of the whole figure in pixels.</summary>
    public int Height { get; init; } = 420;

    /// <summary>Pixels kept free at the right of each panel, for labels beside the lines' ends.</summary>
    public double RightRoom { get; init; }

    /// <summary>Draws the figure.</summary>
    /// <returns>The figure with its interactive chart and its static image.</returns>
    public Figure ToFigure()
    {
        var page = PageLayout.Of(this);
        return new Figure(Title, Note, PlotlyRenderer.Render(this, page), SvgRenderer.Render(this, page), Width, Height);
    }
}
