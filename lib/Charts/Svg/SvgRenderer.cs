using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts.Svg;

/// <summary>Draws a figure as a static SVG image, which shows wherever images do: no script, no browser, no fonts of its own.</summary>
internal static class SvgRenderer
{
    public static string Render(Sketch sketch, PageLayout page)
    {
        var svg = new SvgWriter();
        var size = (Width: Format.Whole(sketch.Width), Height: Format.Whole(sketch.Height));
        svg.Open("svg", ("xmlns", "http://www.w3.org/2000/svg"), ("width", size.Width), ("height", size.Height),
            ("viewBox", $"0 0 {size.Width} {size.Height}"), ("role", "img"), ("font-family", Theme.Font));
        svg.Note("title", sketch.Title);
        if (sketch.Note.Length > 0) svg.Note("desc", sketch.Note);
        svg.Rectangle(0, 0, sketch.Width, sketch.Height, "#FFFFFF");
        svg.Text(page.Title.X, page.Title.Y, page.Title.Text, Theme.TitleSize, Theme.Ink, bold: true);
        foreach (var line in page.Note) svg.Text(line.X, line.Y, line.Text, Theme.NoteSize, Theme.SoftInk);
        foreach (var entry in page.Legend) DrawLegendEntry(svg, entry);
        foreach (var box in page.Panels) DrawPanel(svg, box);
        if (page.Bar is { } bar) DrawColourBar(svg, bar);
        svg.Close("svg");
        return svg.ToString();
    }

    private static void DrawLegendEntry(SvgWriter svg, LegendEntry entry)
    {
        var right = entry.X + entry.SampleWidth;
        if (entry.Line is { } style)
        {
            if (entry.Joined) svg.Line(entry.X, entry.Y, right, entry.Y, style.Colour, 2, SvgMarks.Dashes(style.Dash));
            SvgMarks.DrawPoint(svg, style, (entry.X + right) / 2, entry.Y, 4);
        }
        else svg.Rectangle(entry.X, entry.Y - 6, entry.SampleWidth, 12, entry.Fill ?? Theme.Bar);
        svg.Text(right + 6, entry.Y + Theme.LabelSize * 0.36, entry.Name, Theme.LabelSize, Theme.Ink);
    }

    private static void DrawPanel(SvgWriter svg, PanelBox box)
    {
        var panel = box.Panel;
        if (panel.Title.Length > 0) svg.Text(box.Left, box.HeadingY, panel.Title, Theme.PanelTitleSize, Theme.Ink, bold: true);
        var grid = !box.IsFilled;
        foreach (var tick in box.YTicks)
        {
            var y = box.Y(tick.Value);
            if (grid && panel.Y.Grid) svg.Line(box.Left, y, box.Right, y, Theme.Grid);
            svg.Text(box.Left - 6, y + Theme.TickSize * 0.36, tick.Label, Theme.TickSize, Theme.SoftInk, "end");
        }
        foreach (var tick in box.XTicks)
        {
            var x = box.X(tick.Value);
            if (grid && panel.X.Grid) svg.Line(x, box.Top, x, box.Bottom, Theme.Grid);
            svg.Text(x, box.Bottom + 6 + Theme.TickSize * 0.85, tick.Label, Theme.TickSize, Theme.SoftInk, "middle");
        }
        if (grid && panel.X.Ticks.Count > 0) svg.Line(box.Left, box.Bottom, box.Right, box.Bottom, Theme.AxisLine);
        foreach (var mark in panel.Marks) SvgMarks.Draw(svg, box, mark);
        if (panel.X.Title.Length > 0) svg.Text((box.Left + box.Right) / 2, box.XTitleY + Theme.LabelSize * 0.36, panel.X.Title, Theme.LabelSize, Theme.Ink, "middle");
        if (panel.Y.Title.Length > 0) svg.Text(box.YTitleX + Theme.LabelSize * 0.36, (box.Top + box.Bottom) / 2, panel.Y.Title, Theme.LabelSize, Theme.Ink, "middle", turned: -90);
    }

    private static void DrawColourBar(SvgWriter svg, ColourBar bar)
    {
        const int steps = 64;
        var (scale, span) = (bar.Scale, bar.Scale.Max - bar.Scale.Min);
        for (var step = 0; step < steps; step++)
        {
            var top = bar.Top + bar.Height * (steps - 1 - step) / steps;
            svg.Rectangle(bar.Left, top, bar.Width, bar.Height / steps + (step == 0 ? 0 : 0.5), scale.Of(scale.Min + span * (step + 0.5) / steps));
        }
        var widest = 0.0;
        foreach (var tick in PageLayout.BarTicks(scale))
        {
            var y = bar.Top + bar.Height * (1 - (tick.Value - scale.Min) / span);
            svg.Text(bar.Left + bar.Width + 6, y + Theme.TickSize * 0.36, tick.Label, Theme.TickSize, Theme.SoftInk);
            widest = Math.Max(widest, TextSize.Width(tick.Label, Theme.TickSize));
        }
        var middle = bar.Left + bar.Width + 6 + widest + 6 + Theme.LabelSize / 2;
        svg.Text(middle + Theme.LabelSize * 0.36, bar.Top + bar.Height / 2, scale.Title, Theme.LabelSize, Theme.Ink, "middle", turned: -90);
    }
}
