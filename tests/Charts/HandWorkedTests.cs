using System.Text.Json;
using HeadKvLab.Charts;

namespace HeadKvLab.Tests.Charts;

/// <summary>Small figures worked out by hand, to the pixel.</summary>
public sealed class HandWorkedTests
{
    // The page is 760 x 420 with a margin of 14. The title takes 17 + 12, no note, no legend: the panel begins at 43, its axes at 49.
    // Tick labels "0.0" are (636 + 318 + 636) / 1000 x 11 = 17.49 wide, so the data begin at x = 14 + 20 (title) + 17.49 + 8 = 59.49.
    // Below are 6 + 15 (ticks) + 20 (title): the data end at y = 406 - 41 = 365. The last x label overhangs by half its width: x = 746 - 8.745.
    private static readonly Figure Line = Curves.Draw([new("a & b", [0, 1], [1, 2]) { Low = [0.5, double.NaN], High = [1.25, double.NaN] }], "T", "x (s)", "y");

    private const string LineJson = """
        {
          "data": [{
            "type": "scatter", "name": "a &amp; b", "legendgroup": "a & b", "showlegend": true, "xaxis": "x", "yaxis": "y", "mode": "lines+markers",
            "x": [0, 1], "y": [1, 2],
            "error_y": {"type": "data", "symmetric": false, "array": [0.25, null], "arrayminus": [0.5, null], "thickness": 1.3, "width": 3.5, "color": "#332288"},
            "line": {"color": "#332288", "width": 2, "dash": "solid"}, "marker": {"color": "#332288", "symbol": "circle", "size": 8},
            "hovertext": ["a &amp; b<br>x (s): 0<br>y: 1 [0.5, 1.25]", "a &amp; b<br>x (s): 1<br>y: 2"], "hoverinfo": "text"
          }],
          "layout": {
            "width": 760, "height": 420, "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "font": {"family": "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif", "size": 11, "color": "#555555"},
            "paper_bgcolor": "#FFFFFF", "plot_bgcolor": "#FFFFFF", "hovermode": "closest", "barmode": "overlay",
            "xaxis": {"anchor": "y", "domain": [0.0782763, 0.970072], "range": [0, 1], "tickmode": "array",
              "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1], "ticktext": ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"],
              "ticks": "outside", "ticklen": 4, "tickcolor": "rgba(0,0,0,0)",
              "showgrid": true, "gridcolor": "#E4E4E4", "zeroline": false, "showline": true, "linecolor": "#9A9A9A"},
            "yaxis": {"anchor": "x", "domain": [0.130952, 0.883333], "range": [0, 2], "tickmode": "array",
              "tickvals": [0, 0.5, 1, 1.5, 2], "ticktext": ["0.0", "0.5", "1.0", "1.5", "2.0"],
              "ticks": "outside", "ticklen": 4, "tickcolor": "rgba(0,0,0,0)",
              "showgrid": true, "gridcolor": "#E4E4E4", "zeroline": false, "showline": false, "linecolor": "#9A9A9A"},
            "showlegend": false,
            "annotations": [
              {"xref": "paper", "yref": "paper", "x": 0.0184211, "y": 0.920833, "text": "<b>T</b>", "showarrow": false, "xanchor": "left", "yanchor": "bottom", "borderpad": 0, "font": {"size": 17, "color": "#1A1A1A"}},
              {"xref": "paper", "yref": "paper", "x": 0.524174, "y": 0.0619048, "text": "x (s)", "showarrow": false, "xanchor": "center", "yanchor": "middle", "borderpad": 0, "font": {"size": 12, "color": "#1A1A1A"}},
              {"xref": "paper", "yref": "paper", "x": 0.0276316, "y": 0.507143, "text": "y", "showarrow": false, "xanchor": "center", "yanchor": "middle", "borderpad": 0, "font": {"size": 12, "color": "#1A1A1A"}, "textangle": -90}
            ]
          },
          "config": {
            "responsive": false, "displaylogo": false, "displayModeBar": "hover", "modeBarButtons": [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]], "doubleClick": "reset",
            "showSendToCloud": false, "showEditInChartStudio": false, "showLink": false, "sendData": false, "plotlyServerURL": ""
          }
        }
        """;

    [Fact]
    public void The_chart_of_a_line_is_exactly_this()
    {
        using var expected = JsonDocument.Parse(LineJson);
        using var actual = JsonDocument.Parse(Line.ToPlotlyJson());
        foreach (var part in new[] { "data", "layout", "config" })
            Assert.True(JsonElement.DeepEquals(expected.RootElement.GetProperty(part), actual.RootElement.GetProperty(part)), $"{part}: {actual.RootElement.GetProperty(part)}");
    }

    [Fact]
    public void The_image_of_a_line_has_its_points_and_whiskers_in_their_places()
    {
        var root = Svgs.Parse(Line);
        // y runs from 365 (0) to 49 (2): one unit is 158 pixels. x runs from 59.49 (0) to 737.255 (1).
        Assert.Equal([("59.49", "207"), ("737.26", "49")], Svgs.All(root, "circle").Select(point => ((string)point.Attribute("cx")!, (string)point.Attribute("cy")!)));
        Assert.Equal("M59.49,207L737.26,49", (string?)Svgs.All(root, "path").Single().Attribute("d"));
        var whisker = Svgs.All(root, "line").Single(line => (string?)line.Attribute("stroke") == "#332288" && (string?)line.Attribute("x1") == (string?)line.Attribute("x2"));
        Assert.Equal((365 - 0.5 * 158, 365 - 1.25 * 158), (Svgs.Number(whisker, "y1"), Svgs.Number(whisker, "y2")));
    }

    [Fact]
    public void Bars_are_as_high_as_their_entries_and_the_mean_lies_between()
    {
        // One layer of two heads with 10 and 30 entries, mean 20: the axis ends at 30.
        var figure = BudgetBars.Draw([new("HeadKV-R2", new[,] { { 10, 30 } })]);
        var root = Svgs.Parse(figure);
        double Height(string colour) => Svgs.Number(Svgs.All(root, "rect").Last(bar => (string?)bar.Attribute("fill") == colour), "height");
        Assert.Equal(3, Height(Theme.Bar) / Height(Theme.BarPale), 0.001);
        var rule = Svgs.All(root, "line").Single(line => (string?)line.Attribute("stroke") == Theme.Reference.Colour);
        var high = Svgs.All(root, "rect").Last(bar => (string?)bar.Attribute("fill") == Theme.Bar);
        Assert.Equal(Svgs.Number(high, "y") + Svgs.Number(high, "height") / 3, Svgs.Number(rule, "y1"), 0.02);
        Assert.Contains("mean 20", figure.Svg);
        Assert.Contains("layer 0, KV head 1<br>30 entries (1.5 times the mean)", figure.ToPlotlyJson());
    }

    [Fact]
    public void Needle_cells_stand_at_their_length_and_depth()
    {
        // Depth 0 % at the top: found at both lengths; depth 100 %: found at 1,024 only, not measured at 512.
        var root = Svgs.Parse(NeedleMap.Draw([512, 1024], [0, 1], [new("SnapKV", new[,] { { 1, 1 }, { double.NaN, 0.5 } })]));
        var cells = Svgs.All(root, "rect").Skip(1).Take(4).ToArray();
        Assert.Equal([Theme.Sequential[^1], Theme.Sequential[^1], Theme.Missing, Theme.Sequential[4]], cells.Select(cell => (string)cell.Attribute("fill")!));
        Assert.True(Svgs.Number(cells[0], "x") < Svgs.Number(cells[1], "x"));
        Assert.True(Svgs.Number(cells[0], "y") < Svgs.Number(cells[2], "y"));
        Assert.Contains(Svgs.All(root, "text"), text => text.Value == "SnapKV: mean 0.83");
    }

    [Fact]
    public void Three_needle_maps_side_by_side_and_below_have_cells_of_one_height()
    {
        // The second panel is the lowest of its column and carries the axis title; the first, beside it, does not.
        var root = Svgs.Parse(NeedleMap.Draw([512, 1024], [0, 1], [.. new[] { "A", "B", "C" }.Select(name => new NeedleScores(name, new[,] { { 1.0, 1 }, { 0, 0.5 } }))]));
        var heights = Svgs.All(root, "rect").Skip(1).Take(12).Select(cell => Math.Round(Svgs.Number(cell, "height"), 1)).ToArray();
        Assert.Equal(heights[0], Assert.Single(heights.Distinct()));
    }

    [Fact]
    public void Tokens_are_shaded_by_their_keepers_and_unkept_lines_folded()
    {
        // One head of 24 kept " code"; three lines of eight letters were kept by none.
        string[] tokens = ["The", " code", "aaaaaaaa", "bbbbbbbb", "cccc", "dd\n"];
        var kept = new bool[1, 24, tokens.Length];
        kept[0, 1, 1] = true;
        var figure = KeptTokenMap.Draw(tokens, kept, lineLength: 8);
        var root = Svgs.Parse(figure);
        var shade = new HeadKvLab.Charts.Sketches.ColourScale("", 0, 24) { Sparse = true }.Of(1);
        var span = Svgs.All(root, "rect").Where(cell => (string?)cell.Attribute("fill") == shade).MaxBy(cell => Svgs.Number(cell, "width"))!;
        var letters = Svgs.All(root, "text").Single(text => text.Value == "The\u00A0code");
        var unit = Svgs.Number(letters, "textLength") / 8;
        Assert.Equal(5 * unit, Svgs.Number(span, "width"), 0.6);
        Assert.Equal(Svgs.Number(letters, "x") + 3 * unit, Svgs.Number(span, "x"), 0.6);
        Assert.Contains(Svgs.All(root, "text"), text => text.Value == "⋯ 3 lines of which no head kept anything");
        Assert.DoesNotContain("aaaaaaaa", figure.Svg);
        Assert.Contains("' code' at position 1<br>kept by 1 of 24 heads (layer.head):<br>0.1", figure.ToPlotlyJson());
        Assert.Contains("0.69 % of the entries of 6 tokens", figure.Note);
    }
}
