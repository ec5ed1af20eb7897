using System.Collections;
using System.Text;
using System.Text.Json;
using HeadKvLab.Charts;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Tests.Charts;

/// <summary>How figures and tables show in notebooks, found the way a kernel finds it: by the names of types and members.</summary>
public sealed class FigureTests
{
    private static readonly Figure Sample = HeadMap.Draw(new[,] { { 0.5, 1.0 } }, title: "</script><b>\"Heads\" & more");

    /// <summary>What a kernel does with a value: finds the attribute by name, makes the source, asks its formatters.</summary>
    private static Dictionary<string, string> Show(object value, out string[] preferred)
    {
        var attribute = value.GetType().GetCustomAttributes(true).Single(known => known.GetType().Name == "TypeFormatterSourceAttribute");
        preferred = (string[])attribute.GetType().GetProperty("PreferredMimeTypes")!.GetValue(attribute)!;
        var source = Activator.CreateInstance((Type)attribute.GetType().GetProperty("FormatterSourceType")!.GetValue(attribute)!)!;
        var shown = new Dictionary<string, string>();
        foreach (var formatter in (IEnumerable)source.GetType().GetMethod("CreateTypeFormatters")!.Invoke(source, null)!)
        {
            using var writer = new StringWriter();
            var format = formatter.GetType().GetMethod("Format")!;
            Assert.False((bool)format.Invoke(formatter, [new object(), writer])!);
            Assert.True((bool)format.Invoke(formatter, [value, writer])!);
            shown.Add((string)formatter.GetType().GetProperty("MimeType")!.GetValue(formatter)!, writer.ToString());
        }
        return shown;
    }

    [Fact]
    public void A_figure_shows_as_html_plotly_and_text()
    {
        var shown = Show(Sample, out var preferred);
        Assert.Equal(["text/html", "application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"], preferred);
        Assert.Equal(Sample.Svg, shown["image/svg+xml"]);
        using var plotly = JsonDocument.Parse(shown["application/vnd.plotly.v1+json"]);
        Assert.Equal(JsonValueKind.Array, plotly.RootElement.GetProperty("data").ValueKind);
        Assert.Equal(JsonValueKind.Object, plotly.RootElement.GetProperty("layout").ValueKind);
        Assert.Equal("Figure: </script><b>\"Heads\" & more", shown["text/plain"]);
    }

    [Fact]
    public void The_html_begins_with_the_static_image()
    {
        var html = Sample.ToHtml();
        var image = html.IndexOf("<img src=\"data:image/svg+xml;base64,", StringComparison.Ordinal);
        Assert.Equal(html.IndexOf('>') + 1, image);
        var data = html[(image + 36)..];
        Assert.Equal(Sample.Svg, Encoding.UTF8.GetString(Convert.FromBase64String(data[..data.IndexOf('"')])));
    }

    [Fact]
    public void Nothing_in_a_title_can_end_the_script_or_an_attribute()
    {
        var html = Sample.ToHtml();
        Assert.Equal(2, html.Split("<script").Length); // its own, once
        Assert.Equal(2, html.Split("</script").Length);
        Assert.Contains("alt=\"&lt;/script&gt;&lt;b&gt;&quot;Heads&quot; &amp; more", html);
        Svgs.Parse(Sample);
    }

    [Fact]
    public void The_chart_in_the_html_is_the_plotly_json()
    {
        var html = Sample.ToHtml();
        var from = html.IndexOf("var chart = ", StringComparison.Ordinal) + 12;
        using var inHtml = JsonDocument.Parse(html[from..html.IndexOf(";\n", from, StringComparison.Ordinal)]);
        using var direct = JsonDocument.Parse(Sample.ToPlotlyJson());
        Assert.True(JsonElement.DeepEquals(direct.RootElement, inHtml.RootElement));
    }

    [Fact]
    public void Equal_figures_give_equal_html() =>
        Assert.Equal(Sample.ToHtml(), HeadMap.Draw(new[,] { { 0.5, 1.0 } }, title: Sample.Title).ToHtml());

    [Fact]
    public void Pages_are_saved_with_and_without_a_script()
    {
        var folder = Directory.CreateTempSubdirectory("charts").FullName;
        var script = Path.Combine(folder, "plotly.js");
        File.WriteAllText(script, "var a = '</script>';");
        Sample.SaveHtml(Path.Combine(folder, "new", "page.html"), script);
        Assert.Contains("var a = '<\\/script>';", File.ReadAllText(Path.Combine(folder, "new", "page.html")));
        Sample.SaveSvg(Path.Combine(folder, "figure.svg"));
        Assert.Equal(Sample.Svg, File.ReadAllText(Path.Combine(folder, "figure.svg")));
        Assert.Contains("missing.js", Assert.Throws<LabException>(() => Sample.ToHtmlPage("missing.js")).Message);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_table_shows_as_html_markdown_and_text()
    {
        var shown = Show(new ResultTable(new DataFrame(new DoubleDataFrameColumn("x", [1.5]))), out var preferred);
        Assert.Equal(["text/html", "text/plain"], preferred);
        Assert.Contains("<table", shown["text/html"]);
        Assert.Contains("1.5", shown["text/plain"]);
    }

    /// <summary>
    /// Notebook pages of code hosts pass a drawing through nbconvert's clean_html: elements and attributes that are not on its list
    /// (nbconvert/filters/svg_constants.py) are lost. What a figure is drawn with stands on it; what is lost only helps.
    /// </summary>
    [Fact]
    public void The_image_is_drawn_with_what_sanitisers_leave()
    {
        string[] elements = ["svg", "title", "desc", "rect", "text", "line", "path", "circle", "polygon"];
        string[] attributes = ["width", "height", "viewBox", "font-family", "x", "y", "fill", "font-size", "font-weight", "text-anchor", "transform", "x1", "x2", "y1", "y2", "stroke",
            "stroke-width", "stroke-dasharray", "stroke-linejoin", "d", "cx", "cy", "r", "points"];
        string[] helpful = ["role", "textLength", "space"];
        Figure[] figures =
        [
            Sample, BudgetBars.Draw([new("one", new[,] { { 10, 30 } })]), KeptTokenMap.Draw(["a b"], new bool[1, 1, 1]), KeptPositions.Draw([new("one", [1, 0])], [(0, "here")]),
            MethodDots.Draw(["a"], [new("SnapKV", [1]), new("Ada-SnapKV", [1])]), Curves.Draw([new("H2O", [1], [2]), new("FullKV", [1], [2])], "", "x", "y", levels: [(1, "one")]),
        ];
        foreach (var element in figures.SelectMany(figure => Svgs.Parse(figure).DescendantsAndSelf()))
        {
            Assert.Contains(element.Name.LocalName, elements);
            Assert.All(element.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration), attribute => Assert.Contains(attribute.Name.LocalName, attributes.Concat(helpful)));
        }
    }
}
