namespace HeadKvLab.Charts;

/// <summary>How one named series is drawn: its colour, its marker and its line, so that it can be told apart in grey print too.</summary>
/// <param name="Colour">Colour as <c>#RRGGBB</c>.</param>
/// <param name="Marker">Shape of the points.</param>
/// <param name="Dash">Pattern of the line.</param>
public sealed record SeriesStyle(string Colour, Marker Marker, Dash Dash = Dash.Solid);

/// <summary>Shape of a series' points.</summary>
public enum Marker
{
    /// <summary>No points, the line alone.</summary>
    None,
    /// <summary>A disc.</summary>
    Circle,
    /// <summary>A square.</summary>
    Square,
    /// <summary>A square on its corner.</summary>
    Diamond,
    /// <summary>A triangle pointing up.</summary>
    TriangleUp,
    /// <summary>A triangle pointing down.</summary>
    TriangleDown,
    /// <summary>An X.</summary>
    Cross,
}

/// <summary>Pattern of a line.</summary>
public enum Dash
{
    /// <summary>Unbroken.</summary>
    Solid,
    /// <summary>Dashes.</summary>
    Dashed,
    /// <summary>Dots.</summary>
    Dotted,
    /// <summary>Dash and dot in turn.</summary>
    DashDot,
}

/// <summary>
/// The one look of all figures. Series use the palette of Okabe and Ito (2008), which stays distinct under every common colour
/// blindness; magnitudes use ColorBrewer's YlGnBu, whose lightness falls steadily, so that it survives grey printing.
/// </summary>
public static class Theme
{
    /// <summary>Font families, best first; drawn text is measured for the widest of them.</summary>
    public const string Font = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

    /// <summary>Font families of prompt text, where every letter has the same width.</summary>
    public const string MonoFont = "'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace";

    /// <summary>Width of a letter of <see cref="MonoFont"/> in units of the font size.</summary>
    public const double MonoAdvance = 0.602;

    /// <summary>Colour of titles and of important text.</summary>
    public const string Ink = "#1A1A1A";

    /// <summary>Colour of axis labels, ticks and notes.</summary>
    public const string SoftInk = "#555555";

    /// <summary>Colour of grid lines.</summary>
    public const string Grid = "#E4E4E4";

    /// <summary>Colour of axis lines.</summary>
    public const string AxisLine = "#9A9A9A";

    /// <summary>Colour of cells without a value.</summary>
    public const string Missing = "#EFEFEF";

    /// <summary>Colour that points at one thing in a figure: a needle, an answer.</summary>
    public const string Accent = "#D55E00";

    /// <summary>Colour of bars when there is only one kind.</summary>
    public const string Bar = "#0072B2";

    /// <summary>Paler companion of <see cref="Bar"/>, for the other half of a pair.</summary>
    public const string BarPale = "#9CCBE8";

    /// <summary>Height of the letters of each kind of text, in pixels.</summary>
    public const double TitleSize = 17, NoteSize = 12, PanelTitleSize = 13, LabelSize = 12, TickSize = 11;

    /// <summary>Magnitudes from low to high: evenly spaced colours, to be blended linearly between neighbours.</summary>
    public static IReadOnlyList<string> Sequential { get; } =
        ["#F6F9DA", "#E6F5B2", "#C7E9B4", "#7FCDBB", "#41B6C4", "#1D91C0", "#225EA8", "#253494", "#081D58"];

    /// <summary>Styles of series in the order in which figures hand them out.</summary>
    public static IReadOnlyList<SeriesStyle> Series { get; } =
    [
        new("#D55E00", Marker.Circle),
        new("#0072B2", Marker.Square),
        new("#009E73", Marker.Diamond),
        new("#CC79A7", Marker.TriangleUp),
        new("#E69F00", Marker.TriangleDown),
        new("#56B4E9", Marker.Cross),
        new("#7A4E2D", Marker.Circle, Dash.Dashed),
        new("#5E4FA2", Marker.Square, Dash.Dashed),
        new("#2F6F4F", Marker.Diamond, Dash.Dotted),
        new("#A6325E", Marker.TriangleUp, Dash.Dotted),
    ];

    /// <summary>
    /// Styles of series that are no methods (values of beta, budgets, models), where a method's colour would say what is not meant: Paul Tol's muted
    /// colours, distinct under colour blindness too.
    /// </summary>
    public static IReadOnlyList<SeriesStyle> Plain { get; } =
    [
        new("#332288", Marker.Circle),
        new("#44AA99", Marker.Square),
        new("#882255", Marker.TriangleUp),
        new("#999933", Marker.Diamond),
        new("#AA4499", Marker.Cross),
        new("#117733", Marker.TriangleDown),
    ];

    /// <summary>The full cache, against which everything is compared: grey and dashed.</summary>
    public static SeriesStyle Reference { get; } = new("#4D4D4D", Marker.None, Dash.Dashed);

    /// <summary>Methods whose style never changes from figure to figure, by index into <see cref="Series"/>.</summary>
    private static readonly string[] Reserved = ["HeadKV-R2", "SnapKV", "Ada-SnapKV", "PyramidKV", "H2O", "StreamingLLM", "HeadKV-R", "HeadKV-R2-shuffled"];

    /// <summary>
    /// One style for each name. The full cache is always the grey dashed line; well-known methods keep their colour in every
    /// figure; the others take the styles nobody in this figure uses, in order, and start again when all are taken. In a figure without any
    /// method all take <see cref="Plain"/> ones.
    /// </summary>
    /// <param name="names">Names of the series, in order.</param>
    /// <returns>As many styles as there are names.</returns>
    public static IReadOnlyList<SeriesStyle> StylesFor(IReadOnlyList<string> names)
    {
        var reserved = names.Select(Known).ToArray();
        for (var index = 1; index < reserved.Length; index++) // of several variants of one method only the first has its style
            if (Array.IndexOf(reserved, reserved[index]) < index) reserved[index] = -1;
        if (names.All(name => Known(name) < 0 && !IsFull(name))) return [.. names.Select((_, index) => Plain[index % Plain.Count])];
        var free = new Queue<int>(Enumerable.Range(0, Series.Count).Except(reserved));
        var styles = new SeriesStyle[names.Count];
        for (var index = 0; index < names.Count; index++)
        {
            if (IsFull(names[index])) { styles[index] = Reference; continue; }
            if (reserved[index] >= 0) { styles[index] = Series[reserved[index]]; continue; }
            if (free.Count == 0) free = new Queue<int>(Enumerable.Range(0, Series.Count));
            styles[index] = Series[free.Dequeue()];
        }
        return styles;
    }

    private static bool IsFull(string name) => name.Equals("FullKV", StringComparison.OrdinalIgnoreCase);

    /// <summary>Index of the well-known method that a name begins with, be it <c>SnapKV</c>, <c>SnapKV 128</c> or <c>SnapKV, window 32</c>; -1 for none.</summary>
    private static int Known(string name) => Array.FindIndex(Reserved, known => name.StartsWith(known, StringComparison.OrdinalIgnoreCase)
        && (name.Length == known.Length || name[known.Length] is ' ' or ','));
}
