using System.Collections;
using HeadKvLab.Charts;
using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Tests.Notebook;

/// <summary>What a value looks like in a notebook.</summary>
[Collection("console")]
public sealed class FormattingTests : IDisposable
{
    public void Dispose() => Formatter.ResetToDefault();

    [Fact]
    public void Scalars_are_text_in_the_invariant_culture()
    {
        Assert.Equal(["text/plain"], MimeTypes(0.5));
        Assert.Equal("0.5", Text(0.5));
        Assert.Equal("<null>", Text(null));
        Assert.Equal("[ 1, 2, 3 ]", Text(new[] { 1, 2, 3 }));
        Assert.StartsWith("[ 0, 1, ", Text(Enumerable.Range(0, 50)));
        Assert.EndsWith(", 19, ... (30 more) ]", Text(Enumerable.Range(0, 50)));
    }

    [Fact]
    public void Sequences_of_objects_are_tables_with_numbers_to_the_right_and_text_escaped()
    {
        var html = Html(new[] { new { Name = "<a>", Score = 1.23456789 }, new { Name = "b", Score = 2.0 } });
        Assert.Contains("<th style=\"text-align:right\">Score</th>", html);
        Assert.Contains("<td style=\"text-align:right\" data-v=\"1.23456789\">1.23457</td>", html);
        Assert.Contains("<td style=\"text-align:left\">&lt;a&gt;</td>", html);
    }

    [Fact]
    public void A_cell_may_register_formatters_and_the_most_specific_and_newest_wins()
    {
        Formatter.Register<IEnumerable>(_ => "any sequence", "text/html");
        Formatter.Register(typeof(List<>), (_, writer) => writer.Write("a list"), "text/html");
        Assert.Equal("a list", Html(new List<int> { 1 }));
        Assert.Equal("any sequence", Html(new[] { 1 }));
        Formatter.Register<List<int>>(list => $"{list.Count} numbers", "text/html");
        Assert.Equal("1 numbers", Html(new List<int> { 1 }));
        Formatter.SetPreferredMimeTypesFor(typeof(Version), "text/markdown");
        Formatter.Register<Version>(version => $"**{version}**", "text/markdown");
        Assert.Equal(["text/markdown", "text/plain"], MimeTypes(new Version(1, 2)));
        Assert.Throws<ArgumentException>(() => new Version(1, 2).ToDisplayString("image/png"));
    }

    [Fact]
    public void A_type_declares_its_formatters_by_a_namesake_of_the_attribute()
    {
        Assert.Equal(["text/html", "application/x-test+json", "text/plain"], MimeTypes(new Declared()));
        Assert.Equal("<i>declared</i>", Html(new Declared()));
        Assert.Equal("<i>declared</i>", Html(new DerivedFromDeclared()));
    }

    [Fact]
    public void A_figure_of_the_lab_shows_as_image_chart_and_text()
    {
        var figure = HeadImportance.Draw(new double[,] { { 0.1, 0.9 }, { 0.4, 0.2 } });
        Assert.Equal(["text/html", "application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"], MimeTypes(figure));
        Assert.Contains("<img src=\"data:image/svg+xml;base64,", Html(figure));
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
        var json = chart.ToDisplayString("application/vnd.plotly.v1+json");
        Assert.Contains("\"showSendToCloud\":false", json);
        Assert.Contains("\"plotlyServerURL\":\"\"", json);
    }

    [Fact]
    public void A_data_frame_is_a_sortable_table()
    {
        var frame = new DataFrame(new StringDataFrameColumn("method", ["SnapKV", "HeadKV"]), new DoubleDataFrameColumn("score", [0.25, 0.5]));
        var html = Html(frame);
        Assert.Contains("<td style=\"text-align:left\">SnapKV</td><td style=\"text-align:right\">0.25</td>", html);
        Assert.Contains("onclick=", html);
    }

    static string Text(object? value) => value.ToDisplayString("text/plain");

    static string Html(object? value) => value.ToDisplayString("text/html");

    static IEnumerable<string> MimeTypes(object? value) => FormattedValue.CreateManyFromObject(value).Select(one => one.MimeType);

    [TypeFormatterSource(typeof(Source), PreferredMimeTypes = ["text/html", "application/x-test+json"])]
    class Declared;

    sealed class DerivedFromDeclared : Declared;

    [AttributeUsage(AttributeTargets.Class)]
    sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
    {
        public Type FormatterSourceType { get; } = formatterSourceType;

        public string[]? PreferredMimeTypes { get; set; }
    }

    sealed class Source
    {
        public IEnumerable<object> CreateTypeFormatters() => [new Writes("text/html", "<i>declared</i>"), new Writes("application/x-test+json", "{}")];
    }

    sealed class Writes(string mimeType, string text)
    {
        public string MimeType { get; } = mimeType;

        public bool Format(object instance, TextWriter writer)
        {
            writer.Write(text);
            return true;
        }
    }
}
