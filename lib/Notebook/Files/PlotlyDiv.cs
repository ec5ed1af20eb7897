namespace HeadKvLab.Notebook.Files;

/// <summary>A Plotly figure as part of a page: drawn once plotly.js is there.</summary>
internal static class PlotlyDiv
{
    internal const string MimeType = "application/vnd.plotly.v1+json";

    /// <param name="figure">JSON with data and layout.</param>
    /// <param name="still">HTML shown until it is drawn, and where it never is; null for a line that says so.</param>
    internal static string Write(string figure, string? still = null)
    {
        // The same figure has the same id in every run; where it is shown twice, both are drawn.
        var id = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(figure)))[..16];
        return $$"""
            <div data-plotly="{{id}}" style="{{(still is null ? "min-height:420px" : "overflow-x:auto")}}">{{still ?? "<i>interactive chart: needs a page with scripts</i>"}}</div>
            <script type="text/javascript">(function () {
              var figure = {{figure.Replace("</", "<\\/", StringComparison.Ordinal)}}, tries = 0;
              (function draw() {
                var places = document.querySelectorAll('[data-plotly="{{id}}"]');
                if (places.length && window.Plotly) places.forEach(function (at) { at.innerHTML = ""; window.Plotly.newPlot(at, figure.data, figure.layout, figure.config || { responsive: true }); });
                else if (tries++ < 100) setTimeout(draw, 100);
              })();
            })();</script>
            """;
    }
}
