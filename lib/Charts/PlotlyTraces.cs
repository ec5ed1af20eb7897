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
        trace.SetValue("mode", !line.Joined ? "markers" : line.Style.Marker == Marker.None ? "lines" : "lines+markers");
        trace.SetValue("x", Numbers(line.X));
        trace.SetValue("y", Numbers(line.Y));
        if (line is { Low: { } lows, High: { } highs })
        {
            trace.SetValue("error_y", Map(("type", "data"), ("symmetric", false),
                ("array", Numbers(highs.Zip(line.Y, (high, middle) => high - middle))),
                ("arrayminus", Numbers(lows.Zip(line.Y, (low, middle) => middle - low))),
                ("thickness", 1.3), ("width", 3.5), ("color", line.Style.Colour)));
        }
        trace.SetValue("line", Map(("color", line.Style.Colour), ("width", 2), ("dash", DashName(line.Style.Dash))));
        if (line.Style.Marker != Marker.None) trace.SetValue("marker", Map(("color", line.Style.Colour), ("symbol", SymbolName(line.Style.Marker)), ("size", 8)));
        AddHover(trace, line.Hover);
        return trace;
    }

    public static Trace Of(BarMark bars, string suffix, bool inLegend)
    {
        var trace = Start("bar", bars.Name, suffix, inLegend);
        trace.SetValue("x", Numbers(bars.X));
        trace.SetValue("y", Numbers(bars.Y));
        trace.SetValue("width", Compact(bars.Width));
        trace.SetValue("marker", Map(("color", bars.Colour)));
        AddHover(trace, bars.Hover);
        return trace;
    }

    public static Trace Of(CellMark cells, string suffix, ColourBar? bar, PaperPlaces onPage)
    {
        var trace = Start("heatmap", "", suffix, false);
        trace.SetValue("z", Rows(cells.Values, Compact));
        trace.SetValue("zmin", cells.Scale.Min);
        trace.SetValue("zmax", cells.Scale.Max);
        trace.SetValue("colorscale", Colours(cells.Scale));
        trace.SetValue("xgap", cells.Gaps ? 1 : 0);
        trace.SetValue("ygap", cells.Gaps ? 1 : 0);
        trace.SetValue("hoverongaps", false);
        trace.SetValue("showscale", bar is not null);
        if (bar is not null) trace.SetValue("colorbar", BarOf(bar, onPage));
        if (cells.Labels is { } labels)
        {
            trace.SetValue("text", Rows(labels, label => label is null ? "" : Escape(label)));
            trace.SetValue("texttemplate", "%{text}");
        }
        if (cells.Hover is { } hover)
        {
            trace.SetValue("hovertext", Rows(hover, words => words is null ? "" : Escape(words)));
            trace.SetValue("hoverinfo", "text");
        }
        return trace;
    }

    public static Trace Of(SpanMark spans, string suffix, ColourBar? bar, PaperPlaces onPage)
    {
        var trace = Start("bar", "", suffix, false);
        trace.SetValue("orientation", "h");
        trace.SetValue("y", Numbers(spans.Spans.Select(span => span.Row)));
        trace.SetValue("base", Numbers(spans.Spans.Select(span => span.From)));
        trace.SetValue("x", Numbers(spans.Spans.Select(span => span.To - span.From)));
        trace.SetValue("width", 1.0);
        var marker = Map(("color", Numbers(spans.Spans.Select(span => span.Value))), ("cmin", spans.Scale.Min), ("cmax", spans.Scale.Max),
            ("colorscale", Colours(spans.Scale)), ("showscale", bar is not null), ("line", Map(("width", 0))));
        if (bar is not null) marker.Add("colorbar", BarOf(bar, onPage));
        trace.SetValue("marker", marker);
        AddHover(trace, [.. spans.Spans.Select(span => span.Hover)]);
        return trace;
    }

    /// <summary>Texts of one colour and size whose letters all have the same width.</summary>
    public static Trace Of(IReadOnlyList<TextMark> texts, string suffix)
    {
        var trace = Start("scatter", "", suffix, false);
        trace.SetValue("mode", "text");
        trace.SetValue("x", Numbers(texts.Select(text => text.X)));
        trace.SetValue("y", Numbers(texts.Select(text => text.Y)));
        trace.SetValue("text", texts.Select(text => Escape(text.Text).Replace(' ', '\u00A0')).ToArray());
        trace.SetValue("textposition", "middle right");
        trace.SetValue("textfont", Map(("family", Theme.MonoFont), ("size", texts[0].Size), ("color", texts[0].Colour)));
        trace.SetValue("hoverinfo", "skip");
        trace.SetValue("cliponaxis", false);
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
            trace.SetValue("name", Escape(name));
            trace.SetValue("legendgroup", name);
        }
        trace.SetValue("showlegend", inLegend);
        trace.SetValue("xaxis", "x" + suffix);
        trace.SetValue("yaxis", "y" + suffix);
        return trace;
    }

    private static object[] Colours(ColourScale scale) => [.. scale.Stops.Select(stop => new object[] { stop.Place, stop.Colour })];

    private static void AddHover(Trace trace, IReadOnlyList<string>? hover)
    {
        if (hover is null) return;
        trace.SetValue("hovertext", hover.Select(Escape).ToArray());
        trace.SetValue("hoverinfo", "text");
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
