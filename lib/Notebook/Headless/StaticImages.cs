using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Headless;

/// <summary>
/// Draws charts that have no static image, for readers without scripts: by a browser, where one is installed, with the embedded plotly.js and
/// without a network. The lab's own figures bring their images.
/// </summary>
internal static partial class StaticImages
{
    const string Svg = "image/svg+xml";
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Adds them; where that is not possible the charts stay live only, and the log says so.</summary>
    internal static void Add(NotebookDocument notebook, TextWriter log)
    {
        JsonObject[] charts = [.. notebook.Cells.SelectMany(cell => cell.Outputs).Select(output => output["data"] as JsonObject).OfType<JsonObject>()
            .Where(data => data[PlotlyDiv.MimeType] is JsonObject && !data.Any(one => one.Key.StartsWith("image/", StringComparison.Ordinal)))];
        if (charts.Length == 0) return;
        var images = Browser() is { } browser ? Draw(browser, [.. charts.Select(data => data[PlotlyDiv.MimeType]!.ToJsonString())]) : [];
        if (images.Length != charts.Length)
        {
            log.WriteLine($"{charts.Length} charts have no static image: {(Browser() is null ? "no Chromium or Chrome is installed" : "the browser drew none")}");
            return;
        }
        foreach (var (data, image) in charts.Zip(images))
        {
            data.Remove("text/html");   // as of every chart that has a drawing, see OutputJson
            data[Svg] = NotebookCell.Lines(image);
        }
    }

    static string? Browser() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => new[] { "chromium", "chromium-browser", "google-chrome", "chrome.exe", "msedge.exe" }.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    static string[] Draw(string browser, string[] figures)
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            var page = Path.Combine(folder, "charts.html");
            File.WriteAllText(page, $$"""
                <!DOCTYPE html><html><head><meta charset="utf-8">{{PlotlyScript.Embedded}}</head><body><script>
                var figures = [{{string.Join(",\n", figures).Replace("</", "<\\/", StringComparison.Ordinal)}}];
                (function draw() {
                  if (!window.Plotly) return setTimeout(draw, 20);
                  Promise.all(figures.map(function (figure) {
                    var layout = figure.layout || {};
                    return Plotly.toImage(figure, { format: "svg", width: layout.width || 700, height: layout.height || 450 });
                  })).then(function (images) {
                    images.forEach(function (image) {
                      var place = document.createElement("pre");
                      place.className = "image";
                      place.textContent = decodeURIComponent(image.slice(image.indexOf(",") + 1));
                      document.body.appendChild(place);
                    });
                  });
                })();
                </script></body></html>
                """);
            string[] arguments = ["--headless", "--disable-gpu", .. Environment.UserName == "root" ? (string[])["--no-sandbox"] : [], $"--user-data-dir={Path.Combine(folder, "profile")}",
                "--virtual-time-budget=30000", "--dump-dom", "file://" + page];
            using var process = Process.Start(new ProcessStartInfo(browser, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.BeginErrorReadLine();
            var written = process.StandardOutput.ReadToEndAsync();
            if (!written.Wait(Patience)) process.Kill(entireProcessTree: true);
            return [.. Image().Matches(written.Result).Select((match, index) => Numbered(WebUtility.HtmlDecode(match.Groups[1].Value), index))];
        }
        finally
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (IOException)
            {
                // A helper process of the browser still writes; the folder is a temporary one.
            }
        }
    }

    /// <summary>plotly.js draws random ids for a figure and its traces; by their numbers instead, equal runs give equal bytes.</summary>
    static string Numbered(string svg, int index) =>
        RandomId().Matches(svg).Select(match => match.Groups[1].Value).Distinct().Select((id, place) => (id, number: $"{index:D3}{place:D3}"))
            .Aggregate(svg, (text, one) => Regex.Replace(text, $"(?<!#){one.id}", one.number));

    [GeneratedRegex("(?:defs-|trace)([0-9a-f]{6})")]
    private static partial Regex RandomId();

    [GeneratedRegex("""<pre class="image">(.*?)</pre>""", RegexOptions.Singleline)]
    private static partial Regex Image();
}
