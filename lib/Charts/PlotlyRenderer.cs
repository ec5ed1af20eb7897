using HeadKvLab.Charts.Sketches;
using Config = Plotly.NET.Config;
using GenericChart = Plotly.NET.GenericChart;
using Layout = Plotly.NET.Layout;
using Trace = Plotly.NET.Trace;

namespace HeadKvLab.Charts;

/// <summary>
/// Draws a figure as an interactive Plotly chart whose panels, titles and legend stand where the static image has them.
/// Traces and layout are set member by member, in plotly.js's own names (https://plotly.com/javascript/reference).
/// </summary>
internal static class PlotlyRenderer
{
    public static GenericChart Render(Sketch sketch, PageLayout page)
    {
        var traces = new List<Trace>();
        var notes = new List<object>();
        var shapes = new List<object>();
        var named = new HashSet<string>();
        var scaled = false;
        var layout = new Layout();
        layout.SetProperty("width", sketch.Width);
        layout.SetProperty("height", sketch.Height);
        layout.SetProperty("margin", Map(("l", 0), ("r", 0), ("t", 0), ("b", 0)));
        layout.SetProperty("font", Map(("family", Theme.Font), ("size", Theme.TickSize), ("color", Theme.SoftInk)));
        layout.SetProperty("paper_bgcolor", "#FFFFFF");
        layout.SetProperty("plot_bgcolor", sketch.Panels.Any(HasGaps) ? Theme.Missing : "#FFFFFF");
        layout.SetProperty("hovermode", "closest");
        layout.SetProperty("barmode", "overlay");
        var onPage = new PaperPlaces(sketch.Width, sketch.Height);
        notes.Add(onPage.Note(page.Title.X, page.Title.Y, $"<b>{Escape(page.Title.Text)}</b>", Theme.TitleSize, Theme.Ink, "left", "bottom"));
        foreach (var line in page.Note) notes.Add(onPage.Note(line.X, line.Y, Escape(line.Text), Theme.NoteSize, Theme.SoftInk, "left", "bottom"));
        for (var index = 0; index < page.Panels.Count; index++)
        {
            var box = page.Panels[index];
            var suffix = index == 0 ? "" : Format.Whole(index + 1);
            layout.SetProperty("xaxis" + suffix, Axis(box.Panel.X, box.XTicks, "y" + suffix, onPage.X(box.Left), onPage.X(box.Right), box.IsFilled));
            layout.SetProperty("yaxis" + suffix, Axis(box.Panel.Y, box.YTicks, "x" + suffix, onPage.Y(box.Bottom), onPage.Y(box.Top), box.IsFilled));
            AddPanelTitles(notes, onPage, box);
            foreach (var mark in box.Panel.Marks)
            {
                switch (mark)
                {
                    case LineMark line:
                        traces.Add(PlotlyTraces.Of(line, suffix, line.InLegend && named.Add(line.Name)));
                        break;
                    case BarMark bars:
                        traces.Add(PlotlyTraces.Of(bars, suffix, bars.InLegend && named.Add(bars.Name)));
                        break;
                    case CellMark cells:
                        traces.Add(PlotlyTraces.Of(cells, suffix, scaled ? null : page.Bar, onPage));
                        scaled = true;
                        break;
                    case SpanMark spans:
                        traces.Add(PlotlyTraces.Of(spans, suffix, scaled ? null : page.Bar, onPage));
                        scaled = true;
                        break;
                    case TextMark { Mono: true }: // a trace of them all, below
                        break;
                    case TextMark text:
                        notes.Add(PlotlyTraces.Of(text, suffix));
                        break;
                    case RuleMark rule:
                        shapes.Add(PlotlyTraces.Line(rule, suffix));
                        if (rule.Label.Length > 0) notes.Add(PlotlyTraces.Label(rule, suffix));
                        break;
                    case PointerMark pointer:
                        notes.AddRange(PlotlyTraces.Of(pointer, suffix));
                        break;
                }
            }
            traces.AddRange(box.Panel.Marks.OfType<TextMark>().Where(text => text.Mono).GroupBy(text => (text.Colour, text.Size)).Select(texts => PlotlyTraces.Of([.. texts], suffix)));
        }
        layout.SetProperty("showlegend", page.Legend.Count > 0);
        if (page.Legend.Count > 0)
            layout.SetProperty("legend", Map(("orientation", "h"), ("x", onPage.X(PageLayout.Edge)), ("y", onPage.Y(page.Legend[0].Y - 12)),
                ("xanchor", "left"), ("yanchor", "top"), ("font", Map(("size", Theme.LabelSize), ("color", Theme.Ink)))));
        layout.SetProperty("annotations", notes.ToArray());
        if (shapes.Count > 0) layout.SetProperty("shapes", shapes.ToArray());
        return GenericChart.setConfig(Tools(), GenericChart.setLayout(layout, GenericChart.ofTraceObjects(false, traces)));
    }

    /// <summary>
    /// The tool bar: on hover, with the tools that do something to these figures, and nothing that sends data to a server. Versions of plotly.js differ in
    /// what they offer by default, so that all of it is written down: the list of tools, the links to a cloud and its address.
    /// </summary>
    private static Config Tools()
    {
        var config = new Config();
        config.SetProperty("responsive", false);
        config.SetProperty("displaylogo", false);
        config.SetProperty("displayModeBar", "hover");
        config.SetProperty("modeBarButtons", new[] { ["toImage"], new[] { "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d" } });
        config.SetProperty("doubleClick", "reset");
        foreach (var offer in new[] { "showSendToCloud", "showEditInChartStudio", "showLink", "sendData" }) config.SetProperty(offer, false);
        config.SetProperty("plotlyServerURL", "");
        return config;
    }

    /// <summary>A plotly.js object of the given members.</summary>
    internal static Dictionary<string, object?> Map(params ReadOnlySpan<(string Name, object? Value)> members)
    {
        var map = new Dictionary<string, object?>(members.Length);
        foreach (var (name, value) in members) map.Add(name, value);
        return map;
    }

    /// <summary>Numbers of six significant digits, null where there is none, as JSON knows no not-a-number.</summary>
    internal static object?[] Numbers(IEnumerable<double> values) => [.. values.Select(Compact)];

    /// <summary>A number of six significant digits, or null.</summary>
    internal static object? Compact(double value)
    {
        if (!double.IsFinite(value)) return null;
        if (value == 0) return 0.0;
        var digits = 5 - (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return digits is >= 0 and <= 15 ? Math.Round(value, digits) : value;
    }

    /// <summary>A text in plotly.js's markup, where angle brackets and ampersands have meaning; <c>\n</c> becomes a line break.</summary>
    internal static string Escape(string text) =>
        text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\n", "<br>");

    /// <summary>Whether a cell has no value: it then shows the panel's background.</summary>
    private static bool HasGaps(Panel panel) => panel.Marks.OfType<CellMark>().Any(cells => cells.Values.Cast<double>().Any(double.IsNaN));

    private static Dictionary<string, object?> Axis(Axis axis, IReadOnlyList<Tick> ticks, string partner, object? from, object? to, bool filled) => Map(
        ("anchor", partner),
        ("domain", new[] { from, to }),
        ("range", Numbers(axis.Reversed ? [axis.Max, axis.Min] : [axis.Min, axis.Max])),
        ("tickmode", "array"),
        ("tickvals", Numbers(ticks.Select(tick => tick.Value))),
        ("ticktext", ticks.Select(tick => Escape(tick.Label)).ToArray()),
        ("ticks", "outside"),
        ("ticklen", 4),
        ("tickcolor", "rgba(0,0,0,0)"), // unseen: they only keep the labels off the axis
        ("showgrid", axis.Grid && !filled),
        ("gridcolor", Theme.Grid),
        ("zeroline", false),
        ("showline", !filled && partner[0] == 'y' && axis.Ticks.Count > 0),
        ("linecolor", Theme.AxisLine));

    private static void AddPanelTitles(List<object> notes, PaperPlaces onPage, PanelBox box)
    {
        var panel = box.Panel;
        if (panel.Title.Length > 0)
            notes.Add(onPage.Note(box.Left, box.HeadingY, $"<b>{Escape(panel.Title)}</b>", Theme.PanelTitleSize, Theme.Ink, "left", "bottom"));
        if (panel.X.Title.Length > 0)
            notes.Add(onPage.Note((box.Left + box.Right) / 2, box.XTitleY, Escape(panel.X.Title), Theme.LabelSize, Theme.Ink, "center", "middle"));
        if (panel.Y.Title.Length > 0)
        {
            var title = onPage.Note(box.YTitleX, (box.Top + box.Bottom) / 2, Escape(panel.Y.Title), Theme.LabelSize, Theme.Ink, "center", "middle");
            title.Add("textangle", -90);
            notes.Add(title);
        }
    }
}

/// <summary>Pixels from the top left as shares of the page from the bottom left, which plotly.js calls paper.</summary>
internal sealed class PaperPlaces(double width, double height)
{
    public object? X(double pixel) => PlotlyRenderer.Compact(pixel / width);

    public object? Y(double pixel) => PlotlyRenderer.Compact(1 - pixel / height);

    /// <summary>A pixel length as a share of the page's height.</summary>
    public object? Length(double pixels) => PlotlyRenderer.Compact(pixels / height);

    /// <summary>A text on the page. With <c>bottom</c> the pixel is its baseline: plotly.js's box reaches a quarter of the size below.</summary>
    public Dictionary<string, object?> Note(double x, double y, string text, double size, string colour, string xanchor, string yanchor) => PlotlyRenderer.Map(
        ("xref", "paper"), ("yref", "paper"), ("x", X(x)), ("y", Y(yanchor == "bottom" ? y + size * 0.25 : y)), ("text", text), ("showarrow", false),
        ("xanchor", xanchor), ("yanchor", yanchor), ("borderpad", 0), ("font", PlotlyRenderer.Map(("size", size), ("color", colour))));
}
