using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadKvLab.Notebook.Files;

/// <summary>A Plotly figure as part of a page: drawn once plotly.js is there.</summary>
internal static class PlotlyDiv
{
    internal const string MimeType = "application/vnd.plotly.v1+json";

    static readonly JsonSerializerOptions Letters = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The figure without the button that uploads its data to a cloud service, which plotly.js 4 adds by default.</summary>
    internal static string KeepHere(string figure)
    {
        JsonObject? chart;
        try { chart = JsonNode.Parse(figure) as JsonObject; }
        catch (JsonException) { chart = null; } // a cell's own text: the page will say what is wrong with it
        if (chart is null) return figure;
        if (chart["config"] is not JsonObject config) chart["config"] = config = new JsonObject { ["responsive"] = true };
        config["showSendToCloud"] = false;
        config["plotlyServerURL"] = "";
        return chart.ToJsonString(Letters);
    }

    /// <param name="figure">JSON with data and layout.</param>
    /// <param name="still">HTML shown until it is drawn, and where it never is; null for a line that says so.</param>
    internal static string Write(string figure, string? still = null)
    {
        figure = KeepHere(figure);
        // The same figure has the same id in every run; where it is shown twice, both are drawn.
        var id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(figure)))[..16];
        return $$"""
            <div data-plotly="{{id}}" style="{{(still is null ? "min-height:420px" : "overflow-x:auto")}}">{{still ?? "<i>interactive chart: needs a page with scripts</i>"}}</div>
            <script type="text/javascript">(function () {
              var figure = {{figure.Replace("</", "<\\/", StringComparison.Ordinal)}}, tries = 0;
              (function draw() {
                var places = document.querySelectorAll('[data-plotly="{{id}}"]');
                if (places.length && window.Plotly) places.forEach(function (at) { at.innerHTML = ""; window.Plotly.newPlot(at, figure.data, figure.layout, figure.config); });
                else if (tries++ < 100) setTimeout(draw, 100);
              })();
            })();</script>
            """;
    }
}
