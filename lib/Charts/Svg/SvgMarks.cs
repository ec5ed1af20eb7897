using System.Text;
using HeadKvLab.Charts.Sketches;
using static HeadKvLab.Charts.Svg.SvgWriter;

namespace HeadKvLab.Charts.Svg;

/// <summary>Draws what stands in a panel.</summary>
internal static class SvgMarks
{
    private const double PointRadius = 4, CapWidth = 3.5;

    public static void Draw(SvgWriter svg, PanelBox box, Mark mark)
    {
        switch (mark)
        {
            case LineMark line: DrawLine(svg, box, line); break;
            case BarMark bars: DrawBars(svg, box, bars); break;
            case CellMark cells: DrawCells(svg, box, cells); break;
            case SpanMark spans: DrawSpans(svg, box, spans); break;
            case TextMark text: DrawText(svg, box, text); break;
            case RuleMark rule: DrawRule(svg, box, rule); break;
            case PointerMark pointer: DrawPointer(svg, box, pointer); break;
        }
    }

    /// <summary>The SVG dash pattern, or null for an unbroken line.</summary>
    public static string? Dashes(Dash dash) => dash switch
    {
        Dash.Dashed => "7 4",
        Dash.Dotted => "2 3",
        Dash.DashDot => "8 3 2 3",
        _ => null,
    };

    public static void DrawPoint(SvgWriter svg, SeriesStyle style, double x, double y, double r)
    {
        string At(double dx, double dy) => $"{Number(x + dx * r)},{Number(y + dy * r)} ";
        switch (style.Marker)
        {
            case Marker.Circle: svg.Element("circle", ("cx", Number(x)), ("cy", Number(y)), ("r", Number(r)), ("fill", style.Colour)); break;
            case Marker.Square: svg.Rectangle(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8, style.Colour); break;
            case Marker.Diamond: svg.Element("polygon", ("points", (At(0, -1.3) + At(1.3, 0) + At(0, 1.3) + At(-1.3, 0)).TrimEnd()), ("fill", style.Colour)); break;
            case Marker.TriangleUp: svg.Element("polygon", ("points", (At(0, -1.2) + At(1.15, 0.9) + At(-1.15, 0.9)).TrimEnd()), ("fill", style.Colour)); break;
            case Marker.TriangleDown: svg.Element("polygon", ("points", (At(0, 1.2) + At(1.15, -0.9) + At(-1.15, -0.9)).TrimEnd()), ("fill", style.Colour)); break;
            case Marker.Cross:
                var arm = r * 0.9;
                svg.Path($"M{Number(x - arm)},{Number(y - arm)}L{Number(x + arm)},{Number(y + arm)}M{Number(x - arm)},{Number(y + arm)}L{Number(x + arm)},{Number(y - arm)}", style.Colour, 2.2, null);
                break;
        }
    }

    private static void DrawLine(SvgWriter svg, PanelBox box, LineMark line)
    {
        var path = new StringBuilder();
        var pen = 'M';
        for (var point = 0; point < line.X.Count; point++)
        {
            if (double.IsNaN(line.Y[point])) { pen = 'M'; continue; }
            path.Append(pen).Append(Number(box.X(line.X[point]))).Append(',').Append(Number(box.Y(line.Y[point])));
            pen = 'L';
        }
        if (path.Length > 0 && line.Joined) svg.Path(path.ToString(), line.Style.Colour, 2, Dashes(line.Style.Dash));
        for (var point = 0; point < line.X.Count; point++)
        {
            if (double.IsNaN(line.Y[point])) continue;
            double x = box.X(line.X[point]), y = box.Y(line.Y[point]);
            if (line is { Low: { } lows, High: { } highs } && double.IsFinite(lows[point]) && double.IsFinite(highs[point]))
            {
                double low = box.Y(lows[point]), high = box.Y(highs[point]);
                svg.Line(x, low, x, high, line.Style.Colour, 1.3);
                svg.Line(x - CapWidth, low, x + CapWidth, low, line.Style.Colour, 1.3);
                svg.Line(x - CapWidth, high, x + CapWidth, high, line.Style.Colour, 1.3);
            }
            DrawPoint(svg, line.Style, x, y, PointRadius);
        }
    }

    private static void DrawBars(SvgWriter svg, PanelBox box, BarMark bars)
    {
        var zero = box.Y(Math.Clamp(0, box.Panel.Y.Min, box.Panel.Y.Max));
        for (var bar = 0; bar < bars.X.Count; bar++)
        {
            if (!double.IsFinite(bars.Y[bar])) continue;
            double left = box.X(bars.X[bar] - bars.Width / 2), right = box.X(bars.X[bar] + bars.Width / 2), top = box.Y(bars.Y[bar]);
            svg.Rectangle(left, Math.Min(top, zero), right - left, Math.Abs(zero - top), bars.Colour);
        }
    }

    private static void DrawCells(SvgWriter svg, PanelBox box, CellMark cells)
    {
        int rows = cells.Values.GetLength(0), columns = cells.Values.GetLength(1);
        double width = box.Width / (box.Panel.X.Max - box.Panel.X.Min), height = box.Height / (box.Panel.Y.Max - box.Panel.Y.Min);
        if (!cells.Gaps)
        {
            DrawRuns(svg, box, cells, width, height);
            return;
        }
        var gap = Math.Min(1, Math.Min(width, height) * 0.12);
        var size = Math.Min(Theme.TickSize, height * 0.62);
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var value = cells.Values[row, column];
                double x = box.X(column), y = box.Y(row);
                svg.Rectangle(x - width / 2 + gap / 2, y - height / 2 + gap / 2, width - gap, height - gap, cells.Scale.Of(value));
                if (cells.Labels?[row, column] is { Length: > 0 } label && TextSize.Width(label, size) <= width - 3 && size >= 7)
                    svg.Text(x, y + size * 0.36, label, size, cells.Scale.IsDark(value) ? "#FFFFFF" : Theme.Ink, "middle");
            }
        }
    }

    /// <summary>Cells without gaps: neighbours of one colour in one rectangle, so that no hairlines show between them; cells without a value stay blank.</summary>
    private static void DrawRuns(SvgWriter svg, PanelBox box, CellMark cells, double width, double height)
    {
        int rows = cells.Values.GetLength(0), columns = cells.Values.GetLength(1);
        for (var row = 0; row < rows; row++)
        {
            for (int from = 0, to; from < columns; from = to)
            {
                var colour = cells.Scale.Of(cells.Values[row, from]);
                for (to = from + 1; to < columns && cells.Scale.Of(cells.Values[row, to]) == colour && double.IsNaN(cells.Values[row, to]) == double.IsNaN(cells.Values[row, from]);) to++;
                if (!double.IsNaN(cells.Values[row, from]))
                    svg.Rectangle(box.X(from) - width / 2, box.Y(row) - height / 2, width * (to - from), height, colour);
            }
        }
    }

    private static void DrawSpans(SvgWriter svg, PanelBox box, SpanMark spans)
    {
        var height = box.Height / (box.Panel.Y.Max - box.Panel.Y.Min);
        foreach (var span in spans.Spans)
            svg.Rectangle(box.X(span.From), box.Y(span.Row) - height / 2, box.X(span.To) - box.X(span.From), height, spans.Scale.Of(span.Value));
    }

    private static void DrawText(SvgWriter svg, PanelBox box, TextMark text)
    {
        var anchor = text.Anchor switch { Anchor.Middle => "middle", Anchor.End => "end", _ => "start" };
        svg.Text(box.X(text.X) + text.Shift, box.Y(text.Y) + text.Size * 0.36, text.Text, text.Size, text.Colour, anchor, mono: text.Mono);
    }

    private static void DrawRule(SvgWriter svg, PanelBox box, RuleMark rule)
    {
        if (rule.Upright)
        {
            var x = box.X(rule.Value);
            svg.Line(x, box.Top, x, box.Bottom, rule.Colour, 1.5, Dashes(rule.Dash));
            if (rule.Label.Length > 0) svg.Text(x + (rule.LabelBefore ? -5 : 5), box.Top + Theme.TickSize, rule.Label, Theme.TickSize, rule.Colour, rule.LabelBefore ? "end" : "start", halo: true);
        }
        else
        {
            var y = box.Y(rule.Value);
            svg.Line(box.Left, y, box.Right, y, rule.Colour, 1.5, Dashes(rule.Dash));
            if (rule.Label.Length > 0) svg.Text(box.Right + 6, y + Theme.TickSize * 0.36, rule.Label, Theme.TickSize, rule.Colour);
        }
    }

    private static void DrawPointer(SvgWriter svg, PanelBox box, PointerMark pointer)
    {
        double x = box.X(pointer.X), tip = box.Top - 2;
        svg.Element("polygon", ("points", $"{Number(x - 5)},{Number(tip - 8)} {Number(x + 5)},{Number(tip - 8)} {Number(x)},{Number(tip)}"), ("fill", Theme.Accent));
        svg.Text(x + (pointer.LabelBefore ? -9 : 9), tip - 1, pointer.Label, Theme.TickSize, Theme.Accent, pointer.LabelBefore ? "end" : "start");
    }
}
