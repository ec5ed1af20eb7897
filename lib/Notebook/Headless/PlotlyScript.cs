using System.Reflection;

namespace HeadKvLab.Notebook.Headless;

/// <summary>
/// plotly.js for a page, from this program's resources (MIT licence, see plotly.LICENSE): compressed, 2 MB instead of 4.8 MB, and
/// unpacked by the browser. Figures wait for window.Plotly and stay static images where it does not come.
/// </summary>
internal static class PlotlyScript
{
    /// <summary>A script element that defines window.Plotly, once for a page however often it stands there.</summary>
    internal static string Loader { get; } = $$"""
        <script type="text/javascript">
        (function () {
          if (window.Plotly || window.headKvPlotlyLoading || !window.DecompressionStream) return;
          window.headKvPlotlyLoading = true;
          var packed = Uint8Array.from(atob("{{Packed()}}"), function (c) { return c.charCodeAt(0); });
          new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text().then(function (code) {
            var script = document.createElement("script");
            // Hides the loaders of the page (require.js in the classic notebook), so that the library defines window.Plotly.
            script.textContent = "(function (define, module, exports, require) {" + code + "\n}).call(window);";
            document.head.appendChild(script);
            script.remove();
          });
        })();
        </script>
        """;

    static string Packed()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("plotly.min.js.gz")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return Convert.ToBase64String(bytes);
    }
}
