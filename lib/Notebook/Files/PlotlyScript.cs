using System.IO.Compression;

namespace HeadKvLab.Notebook.Files;

/// <summary>
/// plotly.js, which this program carries (MIT licence, see plotly.LICENSE), and the script elements that define window.Plotly, once for a page
/// however often they stand there. Where it does not come, figures stay static images.
/// </summary>
internal static class PlotlyScript
{
    const string Resource = "plotly.min.js.gz";

    /// <summary>For a page that opens from disk: holds the library itself, compressed, 2 MB instead of 4.8 MB; the browser unpacks it.</summary>
    internal static string Embedded { get; } = Element($$"""
        var packed = Uint8Array.from(atob("{{Convert.ToBase64String(Packed())}}"), function (c) { return c.charCodeAt(0); });
            return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
        """);

    /// <summary>For a live notebook, which stores this small script only: fetches the library from the kernel's folder, which Jupyter's server serves.</summary>
    /// <param name="kernelName">The name the kernel is installed under.</param>
    internal static string Fetched(string kernelName) => Element($$"""
        var config = document.getElementById("jupyter-config-data");
            var base = document.body.getAttribute("data-base-url") || (config && JSON.parse(config.textContent).baseUrl);
            return !base ? Promise.reject() : fetch(base + "kernelspecs/{{kernelName}}/plotly.min.js", { credentials: "same-origin" })
              .then(function (answer) { return answer.ok ? answer.text() : Promise.reject(); });
        """);

    /// <summary>Writes the library as it is.</summary>
    internal static void Save(string file)
    {
        using var unpacked = new GZipStream(new MemoryStream(Packed()), CompressionMode.Decompress);
        using var written = File.Create(file);
        unpacked.CopyTo(written);
    }

    /// <param name="code">The body of a function that returns a promise of the library's text.</param>
    static string Element(string code) => $$"""
        <script type="text/javascript">
        (function () {
          if (window.Plotly || window.headKvPlotlyLoading) return;
          window.headKvPlotlyLoading = true;
          Promise.resolve().then(function () {
            {{code}}
          }).then(function (code) {
            var script = document.createElement("script");
            // Hides the loaders of the page (require.js in the classic notebook), so that the library defines window.Plotly.
            script.textContent = "(function (define, module, exports, require) {" + code + "\n}).call(window);";
            document.head.appendChild(script);
            script.remove();
          }).catch(function () { window.headKvPlotlyLoading = false; });
        })();
        </script>
        """;

    static byte[] Packed()
    {
        using var stream = typeof(PlotlyScript).Assembly.GetManifestResourceStream(Resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
