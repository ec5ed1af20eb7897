using HeadKvLab.Notebook.Files;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// Brings plotly.js into the page of a live notebook without storing it in the notebook: a small script beside each figure fetches it
/// from the kernel's folder, which Jupyter's server serves. Where no such server is, figures stay static images.
/// </summary>
/// <param name="kernelName">The name the kernel is installed under.</param>
internal sealed class PlotlyInPage(string kernelName)
{
    /// <summary>The bundle, with the script beside its HTML when that shows a figure.</summary>
    internal IReadOnlyList<FormattedValue> Prepare(IReadOnlyList<FormattedValue> bundle)
    {
        var isFigure = bundle.Any(one => one.MimeType == PlotlyDiv.MimeType || (one.MimeType == "text/html" && one.Value.Contains("window.Plotly", StringComparison.Ordinal)));
        if (!isFigure)
        {
            return bundle;
        }
        if (bundle.FirstOrDefault(one => one.MimeType == "text/html") is not { } html)
        {
            var figure = bundle.First(one => one.MimeType == PlotlyDiv.MimeType);
            return [new FormattedValue("text/html", PlotlyDiv.Write(figure.Value) + Loader()), .. bundle];
        }
        return [.. bundle.Select(one => one == html ? new FormattedValue("text/html", html.Value + Loader()) : one)];
    }

    string Loader() => $$"""
        <script type="text/javascript">
        (function () {
          if (window.Plotly || window.headKvPlotlyLoading) return;
          var base = document.body.getAttribute("data-base-url"), config = document.getElementById("jupyter-config-data");
          if (!base && config) base = JSON.parse(config.textContent).baseUrl;
          if (!base) return;
          window.headKvPlotlyLoading = true;
          fetch(base + "kernelspecs/{{kernelName}}/plotly.min.js", { credentials: "same-origin" })
            .then(function (answer) { return answer.ok ? answer.text() : Promise.reject(); })
            .then(function (code) {
              var script = document.createElement("script");
              script.textContent = "(function (define, module, exports, require) {" + code + "\n}).call(window);";
              document.head.appendChild(script);
              script.remove();
            })
            .catch(function () { window.headKvPlotlyLoading = false; });
        })();
        </script>
        """;
}
