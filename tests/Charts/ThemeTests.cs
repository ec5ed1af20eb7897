using System.Globalization;
using HeadKvLab.Charts;
using HeadKvLab.Charts.Sketches;
using HeadKvLab.Tables;

namespace HeadKvLab.Tests.Charts;

public sealed class ThemeTests
{
    private static double Lightness(string colour)
    {
        double Part(int at) => Math.Pow(int.Parse(colour.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0, 2.2);
        return 0.2126 * Part(1) + 0.7152 * Part(3) + 0.0722 * Part(5);
    }

    [Fact]
    public void Magnitudes_grow_steadily_darker_and_so_survive_grey_print()
    {
        var scale = new ColourScale("", 0, 1);
        var steps = Enumerable.Range(0, 101).Select(step => Lightness(scale.Of(step / 100.0))).ToArray();
        Assert.All(steps.Zip(steps.Skip(1)), pair => Assert.True(pair.First > pair.Second));
    }

    [Fact]
    public void Letters_on_cells_are_white_from_the_middle_of_the_scale_on()
    {
        var scale = new ColourScale("", 0, 1);
        Assert.Equal([false, false, true, true, true], new[] { 0, 0.45, 0.57, 0.75, 1 }.Select(scale.IsDark));
        Assert.Single(Enumerable.Range(0, 100), step => scale.IsDark(step / 100.0) != scale.IsDark((step + 1) / 100.0));
    }

    [Fact]
    public void On_a_sparse_scale_none_differs_from_one_and_one_from_few()
    {
        var scale = new ColourScale("", 0, 24) { Sparse = true };
        Assert.Equal("#FFFFFF", scale.Of(0));
        Assert.Equal(Theme.Sequential[^1], scale.Of(24));
        var steps = new[] { 0, 1, 3, 6, 12, 24 }.Select(count => Lightness(scale.Of(count))).ToArray();
        Assert.All(steps.Zip(steps.Skip(1)), pair => Assert.True(pair.First - pair.Second > 0.05, $"{pair.First} {pair.Second}"));
        Assert.True(steps[0] - steps[1] > 0.3);
    }

    [Fact]
    public void Ratios_run_from_round_number_to_round_number()
    {
        Assert.Equal(["1", "2", "5", "10"], Axis.Ratios("", [1.02, 7.3, double.NaN]).Ticks.Select(tick => tick.Label));
        Assert.Equal(["0.01", "0.02"], Axis.Ratios("", [0.012]).Ticks.Select(tick => tick.Label));
        Assert.Equal((0, 1), (Axis.Ratios("", [1, 2]).Min, Axis.Ratios("", [1, 2]).Max));
        Assert.Throws<ArgumentException>(() => Axis.Ratios("", [0, 1]));
    }

    [Fact]
    public void Methods_keep_their_style_in_every_figure()
    {
        var few = Theme.StylesFor(["SnapKV", "HeadKV-R2"]);
        var many = Theme.StylesFor(["FullKV", "HeadKV-R2", "mine", "SnapKV", "yours"]);
        Assert.Equal(few[0], many[3]);
        Assert.Equal(few[1], many[1]);
        Assert.Equal(Theme.Reference, many[0]);
        Assert.Equal(5, many.Distinct().Count());
        var variants = Theme.StylesFor(["SnapKV 128", "HeadKV-R2, β 1.01", "HeadKV-R2, β 2", "HeadKV-R2-shuffled"]);
        Assert.Equal(few, variants.Take(2));
        Assert.Equal(4, variants.Distinct().Count());
        Assert.DoesNotContain(Theme.StylesFor(["Ada-SnapKV"])[0], Theme.StylesFor(["HeadKV-R2", "SnapKV", "HeadKV-R2-shuffled"]));
        Assert.Empty(Theme.StylesFor(["β = 1.01", "β = 2", "1B", "8B", "70B", "4 %"]).Select(style => style.Colour).Intersect(Theme.Series.Select(style => style.Colour)));
        Assert.Equal(15, Theme.StylesFor([.. Enumerable.Range(0, 15).Select(index => $"m{index}")]).Count);
    }

    [Theory]
    [InlineData(0, 97, "0 20 40 60 80 100")]
    [InlineData(0, 1, "0.0 0.2 0.4 0.6 0.8 1.0")]
    [InlineData(0.31, 0.37, "0.30 0.32 0.34 0.36 0.38")]
    [InlineData(-3, 3, "−4 −2 0 2 4")]
    [InlineData(5, 5, "5 6 7 8 9 10")]
    [InlineData(0, 12345, "0 2,500 5,000 7,500 10,000 12,500")]
    public void Axes_have_round_ticks_that_cover_the_values(double low, double high, string ticks)
    {
        var axis = Axis.Linear("", [low, high, double.NaN]);
        Assert.Equal(ticks, string.Join(' ', axis.Ticks.Select(tick => tick.Label)));
        Assert.True(axis.Min <= low && axis.Max >= high);
    }

    [Fact]
    public void Logarithmic_axes_spell_the_quantities()
    {
        var axis = Axis.Logarithmic("", [4096, 512, 512], Format.Tokens);
        Assert.Equal([new Tick(9, "512"), new Tick(12, "4k")], axis.Ticks);
        Assert.Throws<ArgumentException>(() => Axis.Logarithmic("", [0, 1], Format.Tokens));
    }

    [Fact]
    public void Numbers_are_spelled_the_same_everywhere()
    {
        Assert.Equal(["1,234.50", "−0.25", "0.00", "–"], new[] { 1234.5, -0.25, -0.001, double.NaN }.Select(value => Format.Fixed(value, 2)));
        Assert.Equal(["0", "1,230", "12.3", "0.0123", "−1.5", "∞"], new[] { 0, 1230, 12.34, 0.01234, -1.5, double.PositiveInfinity }.Select(Format.Short));
        Assert.Equal(["3 %", "12.5 %", "100 %"], new[] { 0.03, 0.125, 1 }.Select(Format.Percent));
        Assert.Equal(["512", "4k", "2,000", "128k"], new double[] { 512, 4096, 2000, 131072 }.Select(Format.Tokens));
        Assert.Equal("0.62 [0.55, 0.69]", Format.Interval(0.62, 0.55, 0.69));
        Assert.Equal("&lt;&amp;&quot;&#39;&gt;\uFFFD", HtmlForm.Escape("<&\"'>\u0001"));
    }
}
