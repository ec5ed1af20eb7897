namespace HeadKvLab.Charts.Sketches;

/// <summary>A line of text and where it stands: the beginning of its baseline, in pixels from the top left.</summary>
internal readonly record struct PlacedText(string Text, double X, double Y);

/// <summary>An entry of the legend: a sample of the series and its name; (X, Y) is the left middle.</summary>
internal sealed record LegendEntry(string Name, SeriesStyle? Line, string? Fill, double X, double Y)
{
    /// <summary>Width of the sample: a piece of line with its marker, or a small square.</summary>
    public double SampleWidth => Line is null || !Joined ? 14 : 26;

    /// <summary>Whether the sample shows a line through its marker.</summary>
    public bool Joined { get; init; } = true;
}

/// <summary>A colour bar: its rectangle and its scale.</summary>
internal sealed record ColourBar(ColourScale Scale, double Left, double Top, double Width, double Height);

/// <summary>
/// Where everything of a figure stands, in pixels. Both renderers draw at these places. From the top: title, note, legend,
/// then the grid of panels, with the colour bar at its right.
/// </summary>
internal sealed class PageLayout
{
    public const double Edge = 14, BarWidth = 14;
    private const double LegendRow = 20, NextLegendRow = 29 /* as plotly.js spaces them */, ColumnGap = 22, RowGap = 14;

    public required PlacedText Title { get; init; }
    public required IReadOnlyList<PlacedText> Note { get; init; }
    public required IReadOnlyList<LegendEntry> Legend { get; init; }
    public required IReadOnlyList<PanelBox> Panels { get; init; }
    public ColourBar? Bar { get; init; }

    public static PageLayout Of(Sketch sketch)
    {
        var top = Edge + Theme.TitleSize;
        var title = new PlacedText(sketch.Title, Edge, top - 2);
        top += 8;
        var note = new List<PlacedText>();
        foreach (var line in TextSize.Wrap(sketch.Note, Theme.NoteSize, sketch.Width - 2 * Edge))
        {
            note.Add(new PlacedText(line, Edge, top + Theme.NoteSize));
            top += Theme.NoteSize + 4;
        }
        top += 4;
        var legend = PlaceLegend(sketch, ref top);
        var scale = sketch.Panels.SelectMany(panel => panel.Marks).Select(mark => mark is CellMark cells ? cells.Scale : (mark as SpanMark)?.Scale).FirstOrDefault(known => known is not null);
        var barRoom = scale is null ? 0 : BarRoom(scale);
        var panels = PlacePanels(sketch, top, sketch.Width - Edge - barRoom);
        var bar = scale is null ? null : new ColourBar(scale, sketch.Width - Edge - barRoom + 14, panels[0].Top, BarWidth, panels[^1].Bottom - panels[0].Top);
        return new PageLayout { Title = title, Note = note, Legend = legend, Panels = panels, Bar = bar };
    }

    /// <summary>Ticks of a colour bar: round numbers inside the scale.</summary>
    public static IReadOnlyList<Tick> BarTicks(ColourScale scale) =>
        Axis.Linear("", [scale.Min, scale.Max], scale.Min, scale.Max, scale.Format).Ticks;

    private static double BarRoom(ColourScale scale) =>
        14 + BarWidth + 6 + BarTicks(scale).Max(tick => TextSize.Width(tick.Label, Theme.TickSize)) + 6 + Theme.LabelSize + 4;

    private static List<LegendEntry> PlaceLegend(Sketch sketch, ref double top)
    {
        var entries = new List<LegendEntry>();
        foreach (var mark in sketch.Panels.SelectMany(panel => panel.Marks))
        {
            if (mark is LineMark { InLegend: true } line && entries.All(known => known.Name != line.Name))
                entries.Add(new LegendEntry(line.Name, line.Style, null, 0, 0) { Joined = line.Joined });
            else if (mark is BarMark { InLegend: true } bar && entries.All(known => known.Name != bar.Name))
                entries.Add(new LegendEntry(bar.Name, null, bar.Colour, 0, 0));
        }
        if (entries.Count < 2) return [];
        var left = Edge;
        var middle = top + LegendRow / 2;
        for (var index = 0; index < entries.Count; index++)
        {
            var width = entries[index].SampleWidth + 6 + TextSize.Width(entries[index].Name, Theme.LabelSize) + 18;
            if (left > Edge && left + width - 18 > sketch.Width - Edge)
            {
                left = Edge;
                middle += NextLegendRow;
            }
            entries[index] = entries[index] with { X = left, Y = middle };
            left += width;
        }
        top = middle + LegendRow / 2 + 6;
        return entries;
    }

    private static List<PanelBox> PlacePanels(Sketch sketch, double top, double right)
    {
        var columns = Math.Min(sketch.Columns, sketch.Panels.Count);
        var rows = (sketch.Panels.Count + columns - 1) / columns;
        var columnWidth = (right - Edge - (columns - 1) * ColumnGap) / columns;
        PanelBox Place(int index, double upper, double height)
        {
            var left = Edge + index % columns * (columnWidth + ColumnGap);
            return PanelBox.Of(sketch.Panels[index], left, upper, left + columnWidth, upper + height, sketch.RightRoom);
        }
        // Rows differ in what stands around their data, headings and axis titles; the data get equal heights in all of them.
        double[] around = [.. Enumerable.Range(0, rows).Select(row => Enumerable.Range(row * columns, Math.Min(columns, sketch.Panels.Count - row * columns)).Max(index => -Place(index, 0, 0).Height))];
        var dataHeight = (sketch.Height - Edge - top - (rows - 1) * RowGap - around.Sum()) / rows;
        var boxes = new List<PanelBox>();
        var upper = top;
        for (var row = 0; row < rows; row++)
        {
            for (var index = row * columns; index < Math.Min((row + 1) * columns, sketch.Panels.Count); index++) boxes.Add(Place(index, upper, dataHeight + around[row]));
            upper += dataHeight + around[row] + RowGap;
        }
        return Align(boxes, columns);
    }

    /// <summary>Gives the panels of one column the same sides and those of one row the same top and bottom: the ones that leave room for every label.</summary>
    private static List<PanelBox> Align(List<PanelBox> boxes, int columns) =>
        [.. boxes.Select((box, index) => box with
        {
            Left = boxes.Where((_, other) => other % columns == index % columns).Max(other => other.Left),
            Right = boxes.Where((_, other) => other % columns == index % columns).Min(other => other.Right),
            Top = boxes.Where((_, other) => other / columns == index / columns).Max(other => other.Top),
            Bottom = boxes.Where((_, other) => other / columns == index / columns).Min(other => other.Bottom),
        })];
}
