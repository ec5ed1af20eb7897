using System.Globalization;

namespace HeadKvLab.Charts.Sketches;

/// <summary>A labelled place on an axis.</summary>
/// <param name="Value">Where, in the axis' own units.</param>
/// <param name="Label">What is written there.</param>
public readonly record struct Tick(double Value, string Label);

/// <summary>
/// A linear axis of a panel. Logarithmic quantities are given as their logarithms with ticks that spell the quantity
/// (<see cref="Logarithmic"/>), so that both renderers need to know linear axes only.
/// </summary>
/// <param name="Title">Name of the quantity with its unit, such as <c>Context length (tokens)</c>.</param>
/// <param name="Min">Value at the axis' start (left, bottom).</param>
/// <param name="Max">Value at its end; greater than <paramref name="Min"/>.</param>
/// <param name="Ticks">Labelled places in ascending order; labels that would collide are left out when drawing.</param>
public sealed record Axis(string Title, double Min, double Max, IReadOnlyList<Tick> Ticks)
{
    /// <summary>Whether values grow downwards or leftwards.</summary>
    public bool Reversed { get; init; }

    /// <summary>Whether faint lines cross the panel at the ticks.</summary>
    public bool Grid { get; init; } = true;

    /// <summary>Where a value lies, 0 at the axis' start and 1 at its end.</summary>
    public double Fraction(double value)
    {
        var fraction = (value - Min) / (Max - Min);
        return Reversed ? 1 - fraction : fraction;
    }

    /// <summary>An axis of round numbers that covers the values.</summary>
    /// <param name="title">Name and unit.</param>
    /// <param name="values">What must be visible; not-a-number is passed over.</param>
    /// <param name="min">Start of the axis where it is not to be found from the values.</param>
    /// <param name="max">End of the axis where it is not to be found from the values.</param>
    /// <param name="format">Spells a tick; by default with as many decimals as the step needs.</param>
    public static Axis Linear(string title, IEnumerable<double> values, double? min = null, double? max = null, Func<double, string>? format = null)
    {
        var finite = values.Where(double.IsFinite).DefaultIfEmpty(0).ToArray();
        var low = min ?? finite.Min();
        var high = max ?? finite.Max();
        if (high <= low) high = low + (low == 0 ? 1 : Math.Abs(low));
        var step = RoundStep((high - low) / 5);
        if (min is null) low = Math.Floor(low / step + 1e-9) * step;
        if (max is null) high = Math.Ceiling(high / step - 1e-9) * step;
        var spell = format ?? (value => Format.Fixed(value, Decimals(step)));
        var first = (long)Math.Ceiling(low / step - 1e-9);
        var last = (long)Math.Floor(high / step + 1e-9);
        var ticks = new List<Tick>();
        for (var index = first; index <= last; index++) ticks.Add(new Tick(index * step, spell(index * step)));
        return new Axis(title, low, high, ticks);
    }

    /// <summary>An axis of logarithms (base 2) whose ticks spell the quantities themselves.</summary>
    /// <param name="title">Name and unit.</param>
    /// <param name="quantities">Positive quantities that get a tick each; the axis covers them with a little room at both ends.</param>
    /// <param name="format">Spells a quantity.</param>
    /// <param name="room">Room at both ends as a share of the span.</param>
    public static Axis Logarithmic(string title, IEnumerable<double> quantities, Func<double, string> format, double room = 0.06)
    {
        var sorted = quantities.Distinct().Order().ToArray();
        if (sorted.Length == 0 || sorted[0] <= 0)
            throw new ArgumentException($"The axis '{title}' needs positive quantities to take logarithms of.", nameof(quantities));
        double low = Math.Log2(sorted[0]), high = Math.Log2(sorted[^1]);
        var margin = high > low ? (high - low) * room : 0.5;
        return new Axis(title, low - margin, high + margin, [.. sorted.Select(quantity => new Tick(Math.Log2(quantity), format(quantity)))]);
    }

    /// <summary>An axis of logarithms (base 2) from one round number, 1, 2 or 5 times a power of ten, to another, ticks at those between.</summary>
    /// <param name="title">Name and unit.</param>
    /// <param name="values">Positive values that must be visible; not-a-number is passed over.</param>
    public static Axis Ratios(string title, IEnumerable<double> values)
    {
        var finite = values.Where(double.IsFinite).ToArray();
        if (finite.Length == 0 || finite.Min() <= 0)
            throw new ArgumentException($"The axis '{title}' needs positive values to take logarithms of.", nameof(values));
        double[] round = [.. Enumerable.Range((int)Math.Floor(Math.Log10(finite.Min())) - 1, 30).SelectMany(power => new[] { 1, 2, 5 }.Select(factor => factor * Math.Pow(10, power)))];
        var first = Array.FindLastIndex(round, value => value <= finite.Min() * (1 + 1e-9));
        var last = Math.Max(first + 1, Array.FindIndex(round, value => value >= finite.Max() * (1 - 1e-9)));
        return new Axis(title, Math.Log2(round[first]), Math.Log2(round[last]), [.. round[first..(last + 1)].Select(value => new Tick(Math.Log2(value), Format.Short(value)))]);
    }

    /// <summary>An axis of cells or groups, one each at 0, 1, 2, ...</summary>
    /// <param name="title">What the cells are.</param>
    /// <param name="labels">Their names, in order.</param>
    /// <param name="reversed">Whether the first stands at the axis' end, as rows of a table do.</param>
    public static Axis Categories(string title, IReadOnlyList<string> labels, bool reversed = false) =>
        new(title, -0.5, Math.Max(labels.Count, 1) - 0.5, [.. labels.Select((label, index) => new Tick(index, label))]) { Reversed = reversed, Grid = false };

    /// <summary>The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below <paramref name="rough"/>.</summary>
    private static double RoundStep(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        foreach (var factor in (ReadOnlySpan<double>)[1, 2, 2.5, 5])
            if (factor * power >= rough * (1 - 1e-9)) return factor * power;
        return 10 * power;
    }

    private static int Decimals(double step)
    {
        for (var decimals = 0; decimals < 9; decimals++)
            if (Math.Abs(Math.Round(step, decimals) - step) < step * 1e-6) return decimals;
        return 9;
    }
}
