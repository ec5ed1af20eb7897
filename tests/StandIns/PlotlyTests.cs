using Plotly.NET;

namespace HeadKvLab.Tests.StandIns;

/// <summary>The charts' JSON is what plotly.js reads: kind first, members in the order they were set.</summary>
public sealed class PlotlyTests
{
    [Fact]
    public void A_small_heat_map_gives_exactly_this_json()
    {
        var trace = new Trace("heatmap");
        trace.SetValue("z", new object?[] { new double[] { 0, 0.5 }, new object?[] { 1.25, null } });
        trace.SetValue("x", new[] { "a", "b" });
        var layout = new Layout();
        layout.SetValue("title", new Dictionary<string, object?> { ["text"] = "say \"hi\"\n" });
        layout.SetValue("width", 600);
        var chart = GenericChart.setLayout(layout, GenericChart.ofTraceObject(false, trace));
        const string data = """[{"type":"heatmap","z":[[0.0,0.5],[1.25,null]],"x":["a","b"]}]""";
        const string plan = """{"title":{"text":"say \"hi\"\n"},"width":600}""";
        Assert.Equal("{\"data\":" + data + ",\"layout\":" + plan + ",\"frames\":[]}", GenericChart.toFigureJson(chart));
        Assert.Equal("{\"data\":" + data + ",\"layout\":" + plan + ",\"config\":{}}", GenericChart.toJson(chart));
    }

    [Fact]
    public void Numbers_keep_their_kind_and_every_digit()
    {
        var trace = new Trace("bar");
        trace.SetValue("y", new object?[] { 1, 2L, 3.0, 1e21, 1e-7, 0.1f, true, double.NaN });
        Assert.Contains("""[1,2,3.0,1E+21,1E-07,0.1,true,"NaN"]""", GenericChart.toJson(GenericChart.ofTraceObject(false, trace)));
    }

    [Fact]
    public void A_grid_is_written_row_by_row()
    {
        var trace = new Trace("heatmap");
        trace.SetValue("z", new[,] { { 1, 2, 3 }, { 4, 5, 6 } });
        Assert.Contains("[[1,2,3],[4,5,6]]", GenericChart.toJson(GenericChart.ofTraceObject(false, trace)));
    }

    [Fact]
    public void Setting_a_member_again_replaces_it_in_its_place()
    {
        var layout = new Layout();
        layout.SetValue("a", 1);
        layout.SetValue("b", 2);
        layout.SetValue("a", 3);
        var chart = GenericChart.setLayout(layout, GenericChart.ofTraceObjects(false, new List<Trace>()));   // generic in the package: it needs a type to infer from
        Assert.Equal("""{"data":[],"layout":{"a":3,"b":2},"config":{}}""", GenericChart.toJson(chart));
    }

    [Fact]
    public void Members_can_be_set_like_properties()
    {
        dynamic trace = new Trace("bar");
        trace.x = new[] { 1, 2 };
        Assert.Equal(new[] { 1, 2 }, (int[])trace.x);
        Assert.Contains("""{"type":"bar","x":[1,2]}""", GenericChart.toJson(GenericChart.ofTraceObject(false, (Trace)trace)));
    }

    [Fact]
    public void Setters_leave_the_chart_they_were_given_alone()
    {
        var chart = GenericChart.ofTraceObject(false, new Trace("bar"));
        var layout = new Layout();
        layout.SetValue("height", 5);
        GenericChart.setLayout(layout, chart);
        Assert.Contains("\"layout\":{}", GenericChart.toJson(chart));
    }

#if STANDIN
    [Fact]
    public void What_cannot_be_shown_is_refused_with_its_reason()
    {
        Assert.Contains("useDefaults = false", Assert.Throws<NotSupportedException>(() => GenericChart.ofTraceObject(true, new Trace("bar"))).Message);
        var trace = new Trace("bar");
        trace.SetValue("x", new Version(1, 2));
        Assert.Contains("System.Version", Assert.Throws<NotSupportedException>(() => GenericChart.toJson(GenericChart.ofTraceObject(false, trace))).Message);
    }
#endif
}
