namespace HeadKvLab.Charts.Sketches;

/// <summary>Where a panel stands: the rectangle of its data and the places of its titles, in pixels from the top left.</summary>
/// <param name="Panel">The panel.</param>
/// <param name="Left">Left edge of the data rectangle.</param>
/// <param name="Top">Its upper edge.</param>
/// <param name="Right">Its right edge.</param>
/// <param name="Bottom">Its lower edge.</param>
/// <param name="OuterLeft">Left edge of the panel with its labels: there stands the title, and the y axis' own at its right.</param>
internal sealed record PanelBox(Panel Panel, double Left, double Top, double Right, double Bottom, double OuterLeft)
{
    private const double TickGap = 6, TitleLine = 20, HeadLine = 22;

    public double Width => Right - Left;
    public double Height => Bottom - Top;

    /// <summary>Whether coloured areas fill the panel, which then has neither grid nor axis lines.</summary>
    public bool IsFilled => Panel.Marks.Any(mark => mark is CellMark or SpanMark);

    /// <summary>Baseline of the panel's heading.</summary>
    public double HeadingY => Top - 9;

    /// <summary>Middle line of the x axis' title.</summary>
    public double XTitleY => Bottom + TickGap + (Panel.X.Ticks.Count > 0 ? Theme.TickSize + 4 : 0) + Theme.LabelSize / 2 + 2;

    /// <summary>Middle line of the y axis' title, which reads upwards.</summary>
    public double YTitleX => OuterLeft + Theme.LabelSize / 2 + 1;

    /// <summary>Pixel of a value of x.</summary>
    public double X(double value) => Left + Panel.X.Fraction(value) * Width;

    /// <summary>Pixel of a value of y.</summary>
    public double Y(double value) => Bottom - Panel.Y.Fraction(value) * Height;

    /// <summary>Ticks of the x axis whose labels have room beside each other.</summary>
    public IReadOnlyList<Tick> XTicks => Thin(Panel.X.Ticks, tick => X(tick.Value), tick => TextSize.Width(tick.Label, Theme.TickSize) + 7);

    /// <summary>Ticks of the y axis whose labels have room above each other.</summary>
    public IReadOnlyList<Tick> YTicks => Thin(Panel.Y.Ticks, tick => Y(tick.Value), _ => Theme.TickSize + 2);

    /// <summary>Fits a panel with its labels into a rectangle.</summary>
    public static PanelBox Of(Panel panel, double left, double top, double right, double bottom, double rightRoom)
    {
        var labels = panel.Y.Ticks.Select(tick => TextSize.Width(tick.Label, Theme.TickSize)).DefaultIfEmpty(-TickGap).Max();
        var inner = left + (panel.Y.Title.Length > 0 ? TitleLine : 0) + labels + TickGap + 2;
        rightRoom = Math.Max(rightRoom, panel.Marks.OfType<RuleMark>().Where(rule => !rule.Upright).Select(rule => TextSize.Width(rule.Label, Theme.TickSize) + 8).DefaultIfEmpty(0).Max());
        var box = new PanelBox(panel, inner, top + (panel.Title.Length > 0 || panel.Marks.Any(mark => mark is PointerMark) ? HeadLine : 6), right - rightRoom, 0, left);
        box = box with { Bottom = bottom - TickGap - (panel.X.Ticks.Count > 0 ? Theme.TickSize + 4 : 0) - (panel.X.Title.Length > 0 ? TitleLine : 0) };
        var overhang = box.XTicks.Select(tick => box.X(tick.Value) + TextSize.Width(tick.Label, Theme.TickSize) / 2 - right).DefaultIfEmpty(0).Max();
        return overhang > 0 ? box with { Right = box.Right - overhang } : box;
    }

    /// <summary>
    /// Ticks of which no label touches the next: of evenly spaced ones every k-th, k the smallest that does; of others as many as
    /// find room one after the other.
    /// </summary>
    private static IReadOnlyList<Tick> Thin(IReadOnlyList<Tick> ticks, Func<Tick, double> place, Func<Tick, double> extent)
    {
        if (Free(ticks)) return ticks;
        var even = ticks.Count > 2 && Enumerable.Range(2, ticks.Count - 2).All(index =>
            Math.Abs(ticks[index].Value - 2 * ticks[index - 1].Value + ticks[index - 2].Value) < 1e-6 * Math.Abs(ticks[1].Value - ticks[0].Value));
        if (even)
        {
            for (var stride = 2; stride < ticks.Count; stride++)
                if (ticks.Where((_, index) => index % stride == 0).ToArray() is var some && Free(some)) return some;
        }
        var kept = new List<Tick>();
        foreach (var tick in ticks)
            if (kept.Count == 0 || Apart(kept[^1], tick)) kept.Add(tick);
        return kept;

        bool Free(IReadOnlyList<Tick> some) => Enumerable.Range(1, Math.Max(0, some.Count - 1)).All(index => Apart(some[index - 1], some[index]));

        bool Apart(Tick one, Tick two) => Math.Abs(place(two) - place(one)) >= (extent(one) + extent(two)) / 2;
    }
}
