using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;
using Markdig;

namespace HeadKvLab.Notebook.Headless;

/// <summary>
/// A notebook as one HTML file that opens from disk without a network: style and, where there is a chart, plotly.js stand in it.
/// Charts are static images until the script has replaced them; without scripts they stay images.
/// </summary>
internal static class HtmlPage
{
    static readonly MarkdownPipeline Markdown = new MarkdownPipelineBuilder()
        .UsePipeTables().UseGridTables().UseAutoIdentifiers().UseFootnotes().UseTaskLists().UseEmphasisExtras().UseAutoLinks().UseMathematics().Build();

    /// <param name="notebook">Executed or not.</param>
    /// <param name="fallbackTitle">The page's title when no heading gives one.</param>
    internal static string Write(NotebookDocument notebook, string fallbackTitle)
    {
        var body = new StringBuilder();
        var charts = false;
        foreach (var cell in notebook.Cells)
        {
            switch (cell.Kind)
            {
                case "markdown":
                    body.Append("<section class=\"text\">").Append(OfMarkdown(cell)).Append("</section>\n");
                    break;
                case "code" when cell.Source.Trim().Length > 0 || cell.Outputs.Any():
                    charts |= cell.Outputs.Any(NeedsPlotly);
                    Code(cell, body);
                    break;
                case "raw":
                    body.Append($"<pre class=\"raw\">{Escape(cell.Source)}</pre>\n");
                    break;
                default:
                    break;
            }
        }
        return $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Escape(notebook.Title ?? fallbackTitle)}</title>
            <style>
            {Resource("page.css")}
            </style>
            {(charts ? PlotlyScript.Embedded : "")}
            </head>
            <body>
            <main>
            {body}</main>
            </body>
            </html>

            """;
    }

    static void Code(NotebookCell cell, StringBuilder page)
    {
        page.Append("<section class=\"code\">");
        if (cell.Source.Trim().Length > 0)
        {
            var folded = cell.HasTag("hide-input");
            page.Append(folded ? "<details><summary>code</summary>" : "")
                .Append($"<div class=\"input\"><span class=\"count\">{cell.ExecutionCount}</span><pre>{(Directives.HaveMagic(cell.Source) ? Escape(cell.Source) : CSharpHighlight.Html(cell.Source))}</pre></div>")
                .Append(folded ? "</details>" : "");
        }
        foreach (var output in cell.Outputs)
        {
            page.Append("<div class=\"output\">").Append(OfOutput(output)).Append("</div>");
        }
        page.Append("</section>\n");
    }

    static string OfOutput(JsonObject output) => (string?)output["output_type"] switch
    {
        "stream" => $"<pre class=\"{((string?)output["name"] == "stderr" ? "stderr" : "stdout")}\">{Escape(NotebookCell.Text(output["text"]))}</pre>",
        "error" => $"<pre class=\"error\">{Escape(string.Join('\n', (output["traceback"] as JsonArray ?? []).Select(line => (string?)line)))}</pre>",
        _ => OfBundle(output["data"] as JsonObject ?? []),
    };

    /// <summary>The richest representation that a page can show.</summary>
    static string OfBundle(JsonObject data)
    {
        string? Text(string type) => data[type] is { } node ? NotebookCell.Text(node) : null;
        if (Text("text/html") is { } html)
        {
            return html;
        }
        if (data[PlotlyDiv.MimeType] is JsonObject figure)
        {
            return PlotlyDiv.Write(figure.ToJsonString(), Text("image/svg+xml") is { } still ? Drawing(still) : null);
        }
        if (Text("image/svg+xml") is { } svg)
        {
            return Drawing(svg);
        }
        foreach (var type in new[] { "image/png", "image/jpeg", "image/gif" })
        {
            if (Text(type) is { } image)
            {
                return $"<img alt=\"figure\" src=\"data:{type};base64,{image.ReplaceLineEndings("")}\">";
            }
        }
        if (Text("text/markdown") is { } markdown)
        {
            return Markdig.Markdown.ToHtml(markdown, Markdown);
        }
        var json = data.FirstOrDefault(pair => pair.Key.EndsWith("json", StringComparison.Ordinal)).Value;
        return $"<pre class=\"result\">{Escape(Text("text/plain") ?? json?.ToJsonString() ?? "")}</pre>";
    }

    static string Drawing(string svg) => $"<img alt=\"figure\" src=\"data:image/svg+xml;base64,{Convert.ToBase64String(Encoding.UTF8.GetBytes(svg))}\">";

    static string OfMarkdown(NotebookCell cell)
    {
        var source = cell.Source;
        foreach (var (name, bundle) in cell.Attachments ?? [])
        {
            if (bundle is JsonObject { Count: > 0 } types)
            {
                var (type, content) = types.First();
                source = source.Replace($"attachment:{name}", $"data:{type};base64,{NotebookCell.Text(content)}", StringComparison.Ordinal);
            }
        }
        return TexMath.Replace(Markdig.Markdown.ToHtml(source, Markdown));
    }

    static bool NeedsPlotly(JsonObject output) => output["data"] is JsonObject data
        && (data.ContainsKey(PlotlyDiv.MimeType) || NotebookCell.Text(data["text/html"]).Contains("Plotly", StringComparison.Ordinal));

    static string Escape(string text) => System.Net.WebUtility.HtmlEncode(text);

    static string Resource(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
