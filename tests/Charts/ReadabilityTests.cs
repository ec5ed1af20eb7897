using System.Xml.Linq;
using HeadKvLab.Charts;

namespace HeadKvLab.Tests.Charts;

/// <summary>What a reader must be able to see: nothing hidden behind something else, axes alike where they are compared.</summary>
public sealed class ReadabilityTests
{
    private static IEnumerable<XElement> Points(XElement root, SeriesStyle style) => Svgs.All(root, style.Marker == Marker.Circle ? "circle" : "rect")
        .Where(point => (string?)point.Attribute("fill") == style.Colour && ((string?)point.Attribute("r") == "4" || (string?)point.Attribute("width") == "7.2"));

    private static double Middle(XElement point) => point.Name.LocalName == "circle" ? Svgs.Number(point, "cx") : Svgs.Number(point, "x") + Svgs.Number(point, "width") / 2;

    [Fact]
    public void Dots_stand_side_by_side_in_their_column_and_no_line_joins_them()
    {
        var figure = MethodDots.Draw(["single", "hop"], [new("HeadKV-R2", [0.5, 0.75]) { Low = [0.25, 0.5], High = [0.75, 1] }, new("FullKV", [0.5, double.NaN])], measure: "Exact match");
        var root = Svgs.Parse(figure);
        Assert.Empty(Svgs.All(root, "path"));
        // Columns are one unit wide, two methods in 0.8 of it: 0.4 apart. The first circle of each colour is its sample in the legend.
        var mine = Points(root, Theme.Series[0]).Skip(1).Select(Middle).ToArray();
        var full = Points(root, Theme.Reference with { Marker = Marker.Circle }).Skip(1).Select(Middle).ToArray();
        Assert.Equal((2, 1), (mine.Length, full.Length));
        Assert.Equal(0.4 * (mine[1] - mine[0]), full[0] - mine[0], 0.02);
        Assert.Contains(Svgs.All(root, "text"), text => text.Value == "Exact match" && text.Attribute("transform") is not null);
        Assert.Equal(2, Svgs.All(root, "line").Count(line => (string?)line.Attribute("stroke") == Theme.Series[0].Colour && (string?)line.Attribute("x1") == (string?)line.Attribute("x2")));
        Assert.Contains("HeadKV-R2, single<br>Exact match: 0.50 [0.25, 0.75]", figure.ToPlotlyJson());
        Assert.Contains("\"mode\":\"markers\"", figure.ToPlotlyJson());
        Assert.Throws<ArgumentException>(() => MethodDots.Draw(["a", "b"], [new("m", [1, 2]) { Low = [1] }]));
    }

    [Fact]
    public void Panels_below_each_other_are_equally_high()
    {
        var root = Svgs.Parse(BudgetBars.Draw([new("one", new[,] { { 10, 30 } }), new("two", new[,] { { 10, 30 } }), new("three", new[,] { { 10, 30 } })]));
        var heights = Svgs.All(root, "rect").Where(bar => (string?)bar.Attribute("fill") == Theme.Bar).Select(bar => Svgs.Number(bar, "height")).Skip(1).ToArray();
        Assert.Equal(3, heights.Length);
        Assert.All(heights, height => Assert.Equal(heights[0], height, 0.02));
    }

    [Theory]
    [InlineData(Spacing.Ordinal)]
    [InlineData(Spacing.Logarithmic)]
    public void Equal_intervals_do_not_hide_each_other_and_points_without_them_stay_at_their_place(Spacing spacing)
    {
        Assert.All(Distances([0.5, 0.5]), distance => Assert.InRange(distance, 6, 60));
        Assert.All(Distances(null), distance => Assert.Equal(0, distance, 0.02));

        IEnumerable<double> Distances(double[]? low)
        {
            var root = Svgs.Parse(Curves.Draw([new("HeadKV-R2", [1, 2], [1, 1]) { Low = low, High = low is null ? null : [2, 2] }, new("SnapKV", [1, 2], [1, 1])], "", "x", "y", spacing: spacing));
            var (one, other) = (Points(root, Theme.Series[0]).Skip(1).Select(Middle).ToArray(), Points(root, Theme.Series[1]).Skip(1).Select(Middle).ToArray());
            Assert.Equal((2, 2), (one.Length, other.Length));
            return one.Zip(other, (first, second) => second - first);
        }
    }

    [Fact]
    public void A_logarithmic_y_axis_gives_equal_ratios_equal_room()
    {
        var root = Svgs.Parse(Curves.Draw([new("HeadKV-R2", [0, 1, 2], [1, 2, 4])], "", "x", "y", ySpacing: Spacing.Logarithmic, levels: [(2, "twice")]));
        var places = Points(root, Theme.Series[0]).Select(point => Svgs.Number(point, "cy")).ToArray();
        Assert.Equal(places[0] - places[1], places[1] - places[2], 0.03);
        Assert.Contains(Svgs.All(root, "line"), line => line.Attribute("stroke-dasharray") is not null && Math.Abs(Svgs.Number(line, "y1") - places[1]) < 0.03);
        Assert.Throws<ArgumentException>(() => Curves.Draw([new("a", [1], [0])], "", "x", "y", ySpacing: Spacing.Logarithmic));
        Assert.Throws<ArgumentException>(() => Curves.Draw([new("a", [1], [1])], "", "x", "y", ySpacing: Spacing.Ordinal));
    }

    [Fact]
    public void The_number_of_samples_stands_above_its_point()
    {
        var figure = Curves.Draw([new("all", [10, 30], [0.5, 1]) { Samples = [2, 1000] }], "", "x", "y");
        var root = Svgs.Parse(figure);
        var points = Points(root, Theme.Plain[0]).ToArray();
        foreach (var (words, point) in new[] { "n = 2", "n = 1,000" }.Zip(points))
        {
            var text = Svgs.All(root, "text").Single(known => known.Value == words);
            Assert.Equal(Middle(point), Svgs.Number(text, "x"), 0.02);
            Assert.True(Svgs.Number(text, "y") < Svgs.Number(point, "cy") - 8);
        }
        Assert.Contains("y: 0.5<br>n = 2\"", figure.ToPlotlyJson());
        Assert.Throws<ArgumentException>(() => Curves.Draw([new("a", [1], [1]) { Samples = [1, 2] }], "", "x", "y"));
    }

    [Fact]
    public void Values_of_beta_that_deal_alike_share_a_line_whose_name_stands_at_its_beginning()
    {
        var root = Svgs.Parse(AllocationCurves.Draw([new(2, [30, 10]), new(1.005, [40, 0]), new(1.01, [0, 40])]));
        Assert.Equal(2, Svgs.All(root, "path").Count());
        var name = Svgs.All(root, "text").Single(text => text.Value == "β = 1.005, 1.01");
        var path = Svgs.All(root, "path").Single(line => (string?)line.Attribute("stroke") == (string?)name.Attribute("fill"));
        var start = ((string)path.Attribute("d")!)[1..].Split('L')[0].Split(',').Select(number => double.Parse(number, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(start[0] - 6, Svgs.Number(name, "x"), 0.02);
        Assert.InRange(Math.Abs(start[1] - Svgs.Number(name, "y")), 0, 14);
        Assert.Contains(Svgs.All(root, "text"), text => text.Value == "1");
        Assert.DoesNotContain(Svgs.All(root, "text"), text => text.Value == "0" && Svgs.Number(text, "y") > start[1] && (string?)text.Attribute("text-anchor") == "middle");
    }

    [Fact]
    public void A_place_of_interest_is_pointed_at_from_above_and_nothing_covers_its_cells()
    {
        var root = Svgs.Parse(KeptPositions.Draw([new("SnapKV", [.. Enumerable.Range(0, 100).Select(position => position == 50 ? 1.0 : 0)])], [(50, "the answer")]));
        var cell = Svgs.All(root, "rect").First(known => (string?)known.Attribute("fill") == Theme.Sequential[^1]);
        var tip = ((string)Svgs.All(root, "polygon").Single().Attribute("points")!).Split(' ')[2].Split(',').Select(number => double.Parse(number, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(Svgs.Number(cell, "x") + Svgs.Number(cell, "width") / 2, tip[0], 0.02);
        Assert.True(tip[1] <= Svgs.Number(cell, "y"));
        Assert.DoesNotContain(Svgs.All(root, "line"), line => (string?)line.Attribute("stroke") == Theme.Accent);
    }

    [Fact]
    public void The_note_on_heads_names_the_measure_and_claims_nothing_else() =>
        Assert.Equal("One cell is one head; the darker, the higher its share of Eq. 1.", HeadMap.Draw(new[,] { { 1.0 } }, measure: "share of Eq. 1").Note);
}
