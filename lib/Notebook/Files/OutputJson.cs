using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Files;

/// <summary>Outputs as notebook files and Jupyter messages hold them.</summary>
internal static class OutputJson
{
    internal static JsonObject Stream(string name, string text, bool lines) =>
        new() { ["name"] = name, ["output_type"] = "stream", ["text"] = TextNode(text, lines) };

    internal static JsonObject Display(IReadOnlyList<FormattedValue> bundle) =>
        new() { ["data"] = Data(bundle, lines: true), ["metadata"] = new JsonObject(), ["output_type"] = "display_data" };

    internal static JsonObject Result(IReadOnlyList<FormattedValue> bundle, int executionCount) => new()
    {
        ["data"] = Data(bundle, lines: true),
        ["execution_count"] = executionCount,
        ["metadata"] = new JsonObject(),
        ["output_type"] = "execute_result",
    };

    internal static JsonObject Error(CellError error) => new()
    {
        ["ename"] = error.Name,
        ["evalue"] = error.Message,
        ["output_type"] = "error",
        ["traceback"] = new JsonArray([.. error.Traceback.Select(line => JsonValue.Create(line))]),
    };

    const string Html = "text/html", Svg = "image/svg+xml";

    /// <summary>
    /// A bundle as an object of MIME types. JSON types hold objects, not text: a front end does not parse text. Of a chart that has a
    /// drawing a file keeps no HTML: converters and code hosts would show that first, and their sanitisers leave neither its script nor
    /// its image (nbconvert's clean_html), but do leave the drawing.
    /// </summary>
    /// <param name="bundle">Representations of one value.</param>
    /// <param name="lines">Text as an array of lines, for files; else as one string, for messages.</param>
    internal static JsonObject Data(IReadOnlyList<FormattedValue> bundle, bool lines)
    {
        var data = new JsonObject();
        var drawn = lines && bundle.Any(one => one.MimeType == Svg) && bundle.Any(one => one.MimeType == PlotlyDiv.MimeType);
        foreach (var one in bundle.Where(one => !drawn || one.MimeType != Html))
        {
            data[one.MimeType] = one.MimeType.EndsWith("json", StringComparison.Ordinal) && Parsed(one.Value) is { } json
                ? json
                : TextNode(one.Value, lines);
        }
        return data;
    }

    static JsonNode TextNode(string text, bool lines) => lines ? NotebookCell.Lines(text) : JsonValue.Create(text);

    static JsonNode? Parsed(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
