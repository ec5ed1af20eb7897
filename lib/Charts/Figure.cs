using System.Security.Cryptography;
using System.Text;
using HeadKvLab.Tables;
using GenericChart = Plotly.NET.GenericChart;

namespace HeadKvLab.Charts;

/// <summary>
/// A finished figure: an interactive chart and a static image that show the same. In a live notebook it shows as the image, which a
/// script replaces by the chart where plotly.js is loaded; without scripts the image stays. Code hosts remove images from HTML, but
/// keep a plain SVG drawing: it stands beside the HTML, for notebooks that are stored to be read there.
/// </summary>
[TypeFormatterSource(typeof(FigureFormatterSource), PreferredMimeTypes = [HtmlType, PlotlyType, SvgType, PlainType])]
public sealed class Figure
{
    private const string HtmlType = "text/html", PlotlyType = "application/vnd.plotly.v1+json", SvgType = "image/svg+xml", PlainType = "text/plain";

    internal Figure(string title, string note, GenericChart chart, string svg, int width, int height) =>
        (Title, Note, Chart, Svg, Width, Height) = (title, note, chart, svg, width, height);

    /// <summary>What the figure shows, in a few words.</summary>
    public string Title { get; }

    /// <summary>How to read it; may be empty.</summary>
    public string Note { get; }

    /// <summary>The interactive chart.</summary>
    public GenericChart Chart { get; }

    /// <summary>The static image, a complete SVG document.</summary>
    public string Svg { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>The chart as a JSON object of <c>data</c>, <c>layout</c> and <c>config</c>, the content of <c>application/vnd.plotly.v1+json</c>.</summary>
    public string ToPlotlyJson() => GenericChart.toJson(Chart);

    /// <summary>
    /// The figure as a piece of HTML: the static image first, then a script that waits up to ten seconds for plotly.js and then
    /// puts the interactive chart in the image's place. Equal figures give equal HTML.
    /// </summary>
    public string ToHtml()
    {
        var json = ToPlotlyJson().Replace("<", "\\u003c");
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json)))[..16];
        var image = Convert.ToBase64String(Encoding.UTF8.GetBytes(Svg));
        var alternative = HtmlForm.Escape(Note.Length > 0 ? $"{Title}. {Note}" : Title);
        return $$"""
            <div class="headkvlab-figure" data-figure="{{name}}" style="max-width:{{Format.Whole(Width)}}px;overflow-x:auto"><img src="data:image/svg+xml;base64,{{image}}" alt="{{alternative}}" width="{{Format.Whole(Width)}}" style="max-width:100%;height:auto;display:block"/><script>
            (function () {
              var chart = {{json}};
              var until = Date.now() + 10000;
              function draw() {
                if (!window.Plotly) { if (Date.now() < until) setTimeout(draw, 150); return; }
                document.querySelectorAll('div[data-figure="{{name}}"]:not([data-live])').forEach(function (box) {
                  var image = box.querySelector('img'), place = document.createElement('div');
                  box.setAttribute('data-live', 'yes');
                  box.appendChild(place);
                  window.Plotly.newPlot(place, chart.data, chart.layout, chart.config)
                    .then(function () { image.style.display = 'none'; }, function () { box.removeChild(place); });
                });
              }
              draw();
            })();
            </script></div>
            """;
    }

    /// <summary>The figure as a whole page.</summary>
    /// <param name="plotlyScript">Path of a plotly.js file to be put into the page, which makes its chart interactive and the page some megabytes long; null for the static image alone.</param>
    /// <exception cref="LabException"><paramref name="plotlyScript"/> does not exist.</exception>
    public string ToHtmlPage(string? plotlyScript = null)
    {
        if (plotlyScript is not null && !File.Exists(plotlyScript))
            throw new LabException($"{plotlyScript}: no such file. It should be plotly.js; leave it out for a page with the static image only.");
        var script = plotlyScript is null ? "" : $"<script>{File.ReadAllText(plotlyScript).Replace("</script", "<\\/script")}</script>\n";
        return $"""
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><title>{HtmlForm.Escape(Title)}</title>
            {script}</head>
            <body>
            {ToHtml()}
            </body>
            </html>
            """;
    }

    /// <summary>Writes the static image.</summary>
    /// <param name="path">File to write; its folder is made where it is missing.</param>
    public void SaveSvg(string path) => Save(path, Svg);

    /// <summary>Writes the figure as a whole page.</summary>
    /// <param name="path">File to write; its folder is made where it is missing.</param>
    /// <param name="plotlyScript">Path of a plotly.js file to be put into the page; null for the static image alone.</param>
    /// <exception cref="LabException"><paramref name="plotlyScript"/> does not exist.</exception>
    public void SaveHtml(string path, string? plotlyScript = null) => Save(path, ToHtmlPage(plotlyScript));

    /// <summary>One line: what the figure shows.</summary>
    public override string ToString() => $"Figure: {Title}";

    private static void Save(string path, string content)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
        File.WriteAllText(path, content);
    }

    /// <summary>Makes the formatters by which notebooks show figures.</summary>
    internal sealed class FigureFormatterSource
    {
        /// <summary>One formatter for each kind of content.</summary>
        public IEnumerable<object> CreateTypeFormatters() =>
        [
            new TypeFormatter(HtmlType, value => (value as Figure)?.ToHtml()),
            new TypeFormatter(PlotlyType, value => (value as Figure)?.ToPlotlyJson()),
            new TypeFormatter(SvgType, value => (value as Figure)?.Svg),
            new TypeFormatter(PlainType, value => (value as Figure)?.ToString()),
        ];
    }
}
