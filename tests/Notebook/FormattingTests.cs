using HeadKvLab.Charts;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;
using Microsoft.AspNetCore.Html;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Tests.Notebook;

/// <summary>What a value looks like in a notebook.</summary>
[Collection("console")]
public sealed class FormattingTests : IDisposable
{
    public FormattingTests() => Bundle.PreferTextForScalars();

    public void Dispose()
    {
        Formatter.ResetToDefault();
        Bundle.PreferTextForScalars();
    }

    [Fact]
    public void Scalars_are_text_and_everything_else_has_text_beside_its_html()
    {
        foreach (object value in (object[])[0.5, 2, true, 'c', "text", 1.5m, DateTime.UnixEpoch, DayOfWeek.Monday, typeof(int)])
        {
            Assert.Equal(["text/plain"], MimeTypes(value));
        }
        Assert.Equal("0.5", Bundle.Of(0.5).Single().Value);
        Assert.Equal(["text/html", "text/plain"], MimeTypes(new[] { 1, 2, 3 }));
        Assert.Equal("[ 1, 2, 3 ]", Bundle.Of(new[] { 1, 2, 3 })[1].Value);
        Assert.Equal("[HTML]", Bundle.Of(new HtmlString("<b>x</b>"))[1].Value);
        Assert.InRange(Bundle.Of(Enumerable.Repeat(new string('x', 1000), 10).ToList())[1].Value.Length, 4000, 4010);
    }

    [Fact]
    public void Formatters_of_a_cell_come_before_those_of_the_host()
    {
        Formatter.Register<Version>(version => $"**{version}**", "text/markdown");
        Formatter.SetPreferredMimeTypesFor(typeof(Version), "text/markdown");
        Assert.Equal(["text/markdown", "text/plain"], MimeTypes(new Version(1, 2)));
        Formatter.SetPreferredMimeTypesFor(typeof(int), "text/html");
        Assert.Equal(["text/html", "text/plain"], MimeTypes(7));
    }

    [Fact]
    public void A_figure_of_the_lab_shows_as_image_chart_and_text()
    {
        var figure = HeadMap.Draw(new double[,] { { 0.1, 0.9 }, { 0.4, 0.2 } });
        Assert.Equal(["text/html", "application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"], MimeTypes(figure));
        Assert.Contains("<img src=\"data:image/svg+xml;base64,", Bundle.Of(figure)[0].Value);
    }

    [Theory]
    [InlineData("{\"data\":[{\"y\":[1,2.50]}],\"layout\":{}}", "{\"data\":[{\"y\":[1,2.50]}],\"layout\":{},\"config\":{\"responsive\":true,\"showSendToCloud\":false,\"plotlyServerURL\":\"\"}}")]
    [InlineData("{\"data\":[],\"config\":{\"showSendToCloud\":true,\"scrollZoom\":true}}", "{\"data\":[],\"config\":{\"showSendToCloud\":false,\"scrollZoom\":true,\"plotlyServerURL\":\"\"}}")]
    [InlineData("no JSON", "no JSON")]
    public void A_chart_of_a_cells_own_is_not_offered_to_a_cloud_either(string figure, string shown)
    {
        Assert.Equal(shown, PlotlyDiv.KeepHere(figure));
        Assert.Contains($"var figure = {shown},", PlotlyDiv.Write(figure));
    }

    [Fact]
    public void A_chart_of_the_package_is_not_offered_to_a_cloud_either()
    {
        var chart = Plotly.NET.GenericChart.ofTraceObject(false, new Plotly.NET.Trace("scatter"));
        ChartFormatter.OnLoad(chart.GetType().Assembly);
        var json = Bundle.Of(chart).Single(one => one.MimeType == "application/vnd.plotly.v1+json").Value;
        Assert.Contains("\"showSendToCloud\":false", json);
        Assert.Contains("\"plotlyServerURL\":\"\"", json);
    }

    static IEnumerable<string> MimeTypes(object value) => Bundle.Of(value).Select(one => one.MimeType);
}
