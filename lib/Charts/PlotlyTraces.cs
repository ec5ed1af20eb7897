using HeadKvLab.Charts.Sketches;
using Trace = Plotly.NET.Trace;
using static HeadKvLab.Charts.PlotlyRenderer;

namespace HeadKvLab.Charts;

/// <summary>What stands in a panel as plotly.js traces, shapes and annotations. <c>suffix</c> names the panel's axes: "", "2", "3", ...</summary>
internal static class PlotlyTraces
{
    public static Trace Of(LineMark line, string suffix, bool inLegend)
    {
        var trace = Start("scatter", line.Name, suffix, inLegend);
        trace.SetProperty("mode", !line.Joined ? "markers" : line.Style.Marker == Marker.None ? "lines" : "lines+markers");
        trace.SetProperty("x", Numbers(line.X));
        trace.SetProperty("y", Numbers(line.Y));
        if (line is { Low: { } lows, High: { } highs })
        {
            trace.SetProperty("error_y", Map(("type", "data"), ("symmetric", false),
                ("array", Numbers(highs.Zip(line.Y, (high, middle) => high - middle))),
                ("arrayminus", Numbers(lows.Zip(line.Y, (low, middle) => middle - low))),
                ("thickness", 1.3), ("width", 3.5), ("color", line.Style.Colour)));
        }
        trace.SetProperty("line", Map(("color", line.Style.Colour), ("width", 2), ("dash", DashName(line.Style.Dash))));
        if (line.Style.Marker != Marker.None) trace.SetProperty("marker", Map(("color", line.Style.Colour), ("symbol", SymbolName(line.Style.Marker)), ("size", 8)));
        AddHover(trace, line.Hover);
        return trace;
    }

    public static Trace Of(BarMark bars, string suffix, bool inLegend)
    {
        var trace = Start("bar", bars.Name, suffix, inLegend);
        trace.SetProperty("x", Numbers(bars.X));
        trace.SetProperty("y", Numbers(bars.Y));
        trace.SetProperty("width", Compact(bars.Width));
        trace.SetProperty("marker", Map(("color", bars.Colour)));
        AddHover(trace, bars.Hover);
        return trace;
    }

    public static Trace Of(CellMark cells, string suffix, ColourBar? bar, PaperPlaces onPage)
    {
        var trace = Start("heatmap", "", suffix, false);
        trace.SetProperty("z", Rows(cells.Values, Compact));
        trace.SetProperty("zmin", cells.Scale.Min);
        trace.SetProperty("zmax", cells.Scale.Max);
        trace.SetProperty("colorscale", Colours(cells.Scale));
        trace.SetProperty("xgap", cells.Gaps ? 1 : 0);
        trace.SetProperty("ygap", cells.Gaps ? 1 : 0);
        trace.SetProperty("hoverongaps", false);
        trace.SetProperty("showscale", bar is not null);
        if (bar is not null) trace.SetProperty("colorbar", BarOf(bar, onPage));
        if (cells.Labels is { } labels)
        {
            trace.SetProperty("text", Rows(labels, label => label is null ? "" : Escape(label)));
            trace.SetProperty("texttemplate", "%{text}");
        }
        if (cells.Hover is { } hover)
        {
            trace.SetProperty("hovertext", Rows(hover, words => words is null ? "" : Escape(words)));
            trace.SetProperty("hoverinfo", "text");
        }
        return trace;
    }

    public static Trace Of(SpanMark spans, string suffix, ColourBar? bar, PaperPlaces onPage)
    {
        var trace = Start("bar", "", suffix, false);
        trace.SetProperty("orientation", "h");
        trace.SetProperty("y", Numbers(spans.Spans.Select(span => span.Row)));
        trace.SetProperty("base", Numbers(spans.Spans.Select(span => span.From)));
        trace.SetProperty("x", Numbers(spans.Spans.Select(span => span.To - span.From)));
        trace.SetProperty("width", 1.0);
        var marker = Map(("color", Numbers(spans.Spans.Select(span => span.Value))), ("cmin", spans.Scale.Min), ("cmax", spans.Scale.Max),
            ("colorscale", Colours(spans.Scale)), ("showscale", bar is not null), ("line", Map(("width", 0))));
        if (bar is not null) marker.Add("colorbar", BarOf(bar, onPage));
        trace.SetProperty("marker", marker);
        AddHover(trace, [.. spans.Spans.Select(span => span.Hover)]);
        return trace;
    }

    /// <summary>Texts of one colour and size whose letters all have the same width.</summary>
    public static Trace Of(IReadOnlyList<TextMark> texts, string suffix)
    {
        var trace = Start("scatter", "", suffix, false);
        trace.SetProperty("mode", "text");
        trace.SetProperty("x", Numbers(texts.Select(text => text.X)));
        trace.SetProperty("y", Numbers(texts.Select(text => text.Y)));
        trace.SetProperty("text", texts.Select(text => Escape(text.Text).Replace(' ', '\u00A0')).ToArray());
        trace.SetProperty("textposition", "middle right");
        trace.SetProperty("textfont", Map(("family", Theme.MonoFont), ("size", texts[0].Size), ("color", texts[0].Colour)));
        trace.SetProperty("hoverinfo", "skip");
        trace.SetProperty("cliponaxis", false);
        return trace;
    }

    public static Dictionary<string, object?> Of(TextMark text, string suffix) => Map(
        ("xref", "x" + suffix), ("yref", "y" + suffix), ("x", Compact(text.X)), ("y", Compact(text.Y)), ("text", Escape(text.Text)),
        ("showarrow", false), ("xshift", text.Shift), ("borderpad", 0), ("yanchor", "middle"),
        ("xanchor", text.Anchor switch { Anchor.Middle => "center", Anchor.End => "right", _ => "left" }),
        ("font", Map(("size", text.Size), ("color", text.Colour))));

    public static Dictionary<string, object?> Line(RuleMark rule, string suffix) => Map(
        ("type", "line"), ("xref", rule.Upright ? "x" + suffix : "x" + suffix + " domain"), ("yref", rule.Upright ? "y" + suffix + " domain" : "y" + suffix),
        ("x0", rule.Upright ? Compact(rule.Value) : 0), ("x1", rule.Upright ? Compact(rule.Value) : 1),
        ("y0", rule.Upright ? 0 : Compact(rule.Value)), ("y1", rule.Upright ? 1 : Compact(rule.Value)),
        ("line", Map(("color", rule.Colour), ("width", 1.5), ("dash", DashName(rule.Dash)))));

    public static Dictionary<string, object?> Label(RuleMark rule, string suffix) => Map(
        ("xref", rule.Upright ? "x" + suffix : "x" + suffix + " domain"), ("yref", rule.Upright ? "y" + suffix + " domain" : "y" + suffix),
        ("x", rule.Upright ? Compact(rule.Value) : 1), ("y", rule.Upright ? 1 : Compact(rule.Value)),
        ("text", Escape(rule.Label)), ("showarrow", false), ("xanchor", rule.LabelBefore ? "right" : "left"), ("xshift", rule.LabelBefore ? -4 : 4), ("borderpad", 0), ("yanchor", rule.Upright ? "top" : "middle"),
        ("font", Map(("size", Theme.TickSize), ("color", rule.Colour))));

    /// <summary>A triangle above the panel and its label beside it.</summary>
    public static IEnumerable<object> Of(PointerMark pointer, string suffix)
    {
        Dictionary<string, object?> Note(string text, string anchor, double shift) => Map(
            ("xref", "x" + suffix), ("yref", "y" + suffix + " domain"), ("x", Compact(pointer.X)), ("y", 1), ("text", Escape(text)), ("showarrow", false),
            ("xanchor", anchor), ("xshift", shift), ("borderpad", 0), ("yanchor", "bottom"), ("font", Map(("size", Theme.TickSize), ("color", Theme.Accent))));
        return [Note("▼", "center", 0), Note(pointer.Label, pointer.LabelBefore ? "right" : "left", pointer.LabelBefore ? -9 : 9)];
    }

    private static Trace Start(string kind, string name, string suffix, bool inLegend)
    {
        var trace = new Trace(kind);
        if (name.Length > 0)
        {
            trace.SetProperty("name", Escape(name));
            trace.SetProperty("legendgroup", name);
        }
        trace.SetProperty("showlegend", inLegend);
        trace.SetProperty("xaxis", "x" + suffix);
        trace.SetProperty("yaxis", "y" + suffix);
        return trace;
    }

    private static object[] Colours(ColourScale scale) => [.. scale.Stops.Select(stop => new object[] { stop.Place, stop.Colour })];

    private static void AddHover(Trace trace, IReadOnlyList<string>? hover)
    {
        if (hover is null) return;
        trace.SetProperty("hovertext", hover.Select(Escape).ToArray());
        trace.SetProperty("hoverinfo", "text");
    }

    private static Dictionary<string, object?> BarOf(ColourBar bar, PaperPlaces onPage)
    {
        var ticks = PageLayout.BarTicks(bar.Scale);
        return Map(("x", onPage.X(bar.Left)), ("xanchor", "left"), ("xpad", 0), ("y", onPage.Y(bar.Top + bar.Height / 2)), ("yanchor", "middle"), ("ypad", 0),
            ("len", onPage.Length(bar.Height)), ("lenmode", "fraction"), ("thickness", bar.Width), ("outlinewidth", 0),
            ("tickmode", "array"), ("tickvals", Numbers(ticks.Select(tick => tick.Value))), ("ticktext", ticks.Select(tick => tick.Label).ToArray()),
            ("title", Map(("text", Escape(bar.Scale.Title)), ("side", "right"), ("font", Map(("size", Theme.LabelSize), ("color", Theme.Ink))))));
    }

    private static object?[][] Rows<T>(T[,] grid, Func<T, object?> convert)
    {
        var rows = new object?[grid.GetLength(0)][];
        for (var row = 0; row < rows.Length; row++)
            rows[row] = [.. Enumerable.Range(0, grid.GetLength(1)).Select(column => convert(grid[row, column]))];
        return rows;
    }

    private static string DashName(Dash dash) => dash switch
    {
        Dash.Dashed => "dash",
        Dash.Dotted => "dot",
        Dash.DashDot => "dashdot",
        _ => "solid",
    };

    private static string SymbolName(Marker marker) => marker switch
    {
        Marker.Square => "square",
        Marker.Diamond => "diamond",
        Marker.TriangleUp => "triangle-up",
        Marker.TriangleDown => "triangle-down",
        Marker.Cross => "x",
        _ => "circle",
    };
}
