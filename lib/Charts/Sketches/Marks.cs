namespace HeadKvLab.Charts.Sketches;

/// <summary>Something drawn in a panel, in the panel's own units.</summary>
public abstract record Mark;

/// <summary>Points joined by a line, with intervals where they are known.</summary>
/// <param name="Name">Name in the legend; marks of one name share an entry.</param>
/// <param name="Style">Colour, marker and dash.</param>
/// <param name="X">Positions, <c>[point]</c>.</param>
/// <param name="Y">Values, <c>[point]</c>; not-a-number interrupts the line.</param>
public sealed record LineMark(string Name, SeriesStyle Style, IReadOnlyList<double> X, IReadOnlyList<double> Y) : Mark
{
    /// <summary>Lower ends of the intervals, <c>[point]</c>; null or not-a-number where there is none.</summary>
    public IReadOnlyList<double>? Low { get; init; }

    /// <summary>Upper ends of the intervals, <c>[point]</c>.</summary>
    public IReadOnlyList<double>? High { get; init; }

    /// <summary>What is shown when the pointer rests on a point, <c>[point]</c>; lines are separated by <c>\n</c>.</summary>
    public IReadOnlyList<string>? Hover { get; init; }

    /// <summary>Whether the series has an entry in the legend.</summary>
    public bool InLegend { get; init; } = true;

    /// <summary>Whether a line joins the points; without one they stand for themselves, as where their places have no order.</summary>
    public bool Joined { get; init; } = true;
}

/// <summary>Bars that stand on zero.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Colour">Colour as <c>#RRGGBB</c>.</param>
/// <param name="X">Middles of the bars, <c>[bar]</c>.</param>
/// <param name="Y">Heights, <c>[bar]</c>.</param>
/// <param name="Width">Width of a bar in units of the axis.</param>
public sealed record BarMark(string Name, string Colour, IReadOnlyList<double> X, IReadOnlyList<double> Y, double Width) : Mark
{
    /// <summary>What is shown when the pointer rests on a bar, <c>[bar]</c>.</summary>
    public IReadOnlyList<string>? Hover { get; init; }

    /// <summary>Whether the bars have an entry in the legend.</summary>
    public bool InLegend { get; init; } = true;
}

/// <summary>A grid of coloured cells; cell (row, column) has its middle at x = column, y = row.</summary>
/// <param name="Values">Values, <c>[row, column]</c>; not-a-number is drawn grey.</param>
/// <param name="Scale">How values become colours.</param>
public sealed record CellMark(double[,] Values, ColourScale Scale) : Mark
{
    /// <summary>What is shown when the pointer rests on a cell, <c>[row, column]</c>.</summary>
    public string[,]? Hover { get; init; }

    /// <summary>What is written in the cells, <c>[row, column]</c>; left out where it would not fit.</summary>
    public string[,]? Labels { get; init; }

    /// <summary>Whether thin white lines part the cells.</summary>
    public bool Gaps { get; init; } = true;
}

/// <summary>A coloured stretch of a row.</summary>
/// <param name="Row">The row's y.</param>
/// <param name="From">Where it begins.</param>
/// <param name="To">Where it ends.</param>
/// <param name="Value">What its colour means.</param>
/// <param name="Hover">What is shown when the pointer rests on it.</param>
public readonly record struct Span(double Row, double From, double To, double Value, string Hover);

/// <summary>Coloured stretches of rows, one unit high each.</summary>
/// <param name="Spans">The stretches.</param>
/// <param name="Scale">How values become colours.</param>
public sealed record SpanMark(IReadOnlyList<Span> Spans, ColourScale Scale) : Mark;

/// <summary>Text at a place.</summary>
/// <param name="X">Horizontal place.</param>
/// <param name="Y">Vertical place of the middle of the text.</param>
/// <param name="Text">The text, one line.</param>
/// <param name="Anchor">Which part of the text stands at <paramref name="X"/>.</param>
public sealed record TextMark(double X, double Y, string Text, Anchor Anchor) : Mark
{
    /// <summary>Colour of the letters.</summary>
    public string Colour { get; init; } = Theme.Ink;

    /// <summary>Height of the letters in pixels.</summary>
    public double Size { get; init; } = Theme.TickSize;

    /// <summary>Whether all letters have the same width (<see cref="Theme.MonoFont"/>) and spaces are kept.</summary>
    public bool Mono { get; init; }

    /// <summary>Pixels to the right (negative: to the left) of the place.</summary>
    public double Shift { get; init; }
}

/// <summary>Which part of a text stands at its place.</summary>
public enum Anchor
{
    /// <summary>Its beginning.</summary>
    Start,
    /// <summary>Its middle.</summary>
    Middle,
    /// <summary>Its end.</summary>
    End,
}

/// <summary>A line across the whole panel at one value of one axis; its label stands outside at the right, that of an upright line inside at the top.</summary>
/// <param name="Value">Where.</param>
/// <param name="Label">What it stands for; empty for none.</param>
public sealed record RuleMark(double Value, string Label) : Mark
{
    /// <summary>Whether it stands upright at a value of x, instead of lying at a value of y.</summary>
    public bool Upright { get; init; }

    /// <summary>Whether the label of an upright line stands at its left, where there is more room.</summary>
    public bool LabelBefore { get; init; }

    /// <summary>Colour of line and label.</summary>
    public string Colour { get; init; } = Theme.Reference.Colour;

    /// <summary>Pattern of the line.</summary>
    public Dash Dash { get; init; } = Dash.Dashed;
}

/// <summary>A place on the x axis pointed at from above the panel, so that nothing in it is covered.</summary>
/// <param name="X">Where.</param>
/// <param name="Label">What is there.</param>
public sealed record PointerMark(double X, string Label) : Mark
{
    /// <summary>Whether the label stands at the left of the pointer, where there is more room.</summary>
    public bool LabelBefore { get; init; }
}

/// <summary>How values become colours: over <see cref="Theme.Sequential"/>, linear between both ends unless <see cref="Sparse"/>.</summary>
/// <param name="Title">Name of the quantity with its unit, written at the colour bar.</param>
/// <param name="Min">Value of the palest colour.</param>
/// <param name="Max">Value of the darkest colour; greater than <paramref name="Min"/>.</param>
public sealed record ColourScale(string Title, double Min, double Max)
{
    /// <summary>Spells the values at the colour bar; by default with as many decimals as they need.</summary>
    public Func<double, string>? Format { get; init; }

    /// <summary>
    /// Whether almost all values are small and none differs from few: the lowest value is white, every other at least a clear tint,
    /// and colours follow the square root.
    /// </summary>
    public bool Sparse { get; init; }

    /// <summary>The colours, each with its place between 0 (<see cref="Min"/>) and 1 (<see cref="Max"/>), blended linearly between neighbours.</summary>
    internal IReadOnlyList<(double Place, string Colour)> Stops
    {
        get
        {
            if (!Sparse) return [.. Theme.Sequential.Select((colour, index) => (index / (Theme.Sequential.Count - 1.0), colour))];
            const int palest = 2; // of the sequential colours: paler ones are lost beside white
            var last = Theme.Sequential.Count - 1.0 - palest;
            return [(0, "#FFFFFF"), .. Theme.Sequential.Skip(palest).Select((colour, index) => (index == 0 ? 1e-6 : Math.Pow(index / last, 2), colour))];
        }
    }

    /// <summary>The colour of a value, as <c>#RRGGBB</c>; grey for not-a-number.</summary>
    public string Of(double value)
    {
        if (double.IsNaN(value)) return Theme.Missing;
        var stops = Stops;
        var place = Math.Clamp((value - Min) / (Max - Min), 0, 1);
        var index = 0;
        while (index < stops.Count - 2 && stops[index + 1].Place <= place) index++;
        var (from, to) = (stops[index], stops[index + 1]);
        return Blend(from.Colour, to.Colour, (place - from.Place) / (to.Place - from.Place));
    }

    /// <summary>
    /// Whether white letters read better than the ink on the colour of a value. Lightness contrast as in APCA 0.1.9
    /// (github.com/Myndex/apca-w3): the ratio of WCAG 2 would put black letters on mid blue, where white ones are easier to read.
    /// </summary>
    public bool IsDark(double value)
    {
        var ground = Luminance(Of(value));
        return 1 - Math.Pow(ground, 0.65) > Math.Pow(ground, 0.56) - Math.Pow(Luminance(Theme.Ink), 0.57);

        static double Luminance(string colour)
        {
            double Part(int at) => Math.Pow(Convert.ToInt32(colour.Substring(at, 2), 16) / 255.0, 2.4);
            var light = 0.2126729 * Part(1) + 0.7151522 * Part(3) + 0.0721750 * Part(5);
            return light < 0.022 ? light + Math.Pow(0.022 - light, 1.414) : light;
        }
    }

    /// <summary>The colour at a place between 0 and 1 of evenly spaced colours.</summary>
    internal static string Between(IReadOnlyList<string> colours, double place)
    {
        var scaled = Math.Clamp(place, 0, 1) * (colours.Count - 1);
        var index = Math.Min((int)scaled, colours.Count - 2);
        return Blend(colours[index], colours[index + 1], scaled - index);
    }

    private static string Blend(string from, string to, double share)
    {
        Span<int> mixed = stackalloc int[3];
        for (var part = 0; part < 3; part++)
        {
            int a = Convert.ToInt32(from.Substring(1 + 2 * part, 2), 16), b = Convert.ToInt32(to.Substring(1 + 2 * part, 2), 16);
            mixed[part] = (int)Math.Round(a + (b - a) * share);
        }
        return $"#{mixed[0]:X2}{mixed[1]:X2}{mixed[2]:X2}";
    }
}
