using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace HeadKvLab.Notebook.Files;

/// <summary>What the nbformat 4.5 schema asks of a notebook, checked before anything runs.</summary>
internal static partial class NotebookCheck
{
    /// <exception cref="NotebookException">Something is missing or wrong; the message names the cell and the cure.</exception>
    internal static void Check(JsonObject root, string file)
    {
        var major = Number(root["nbformat"]) ?? throw new NotebookException($"{file}: has no number \"nbformat\", so it is not a Jupyter notebook.");
        Require(major >= 4, $"{file}: is in the old notebook format {major}; convert it: jupyter nbconvert --to notebook --nbformat 4 {Path.GetFileName(file)}");
        Require(major == 4, $"{file}: is in notebook format {major}, newer than format 4, which this program knows.");
        Require(Number(root["nbformat_minor"]) is not null && root["metadata"] is JsonObject, $"{file}: \"nbformat_minor\" (a number) or \"metadata\" (an object) is missing.");
        var cells = root["cells"] as JsonArray ?? throw new NotebookException($"{file}: has no array \"cells\".");
        CheckLanguage(root["metadata"]!, file);
        var ids = new HashSet<string>();
        foreach (var (i, cell) in cells.Index())
        {
            CheckCell(cell, $"{file}: cell {i + 1}", ids);
        }
    }

    static void CheckLanguage(JsonNode metadata, string file)
    {
        var kernel = String(metadata["kernelspec"]?["name"]);
        var language = String(metadata["kernelspec"]?["language"]) ?? String(metadata["language_info"]?["name"]);
        Require(language is null or "C#" or "csharp" or "c#" or "polyglot-notebook", $"{file}: is written for the kernel '{kernel}' in {language}; this program runs C# notebooks (kernel .net-csharp).");
    }

    static void CheckCell(JsonNode? node, string place, HashSet<string> ids)
    {
        var cell = node as JsonObject ?? throw new NotebookException($"{place}: is not an object.");
        var kind = String(cell["cell_type"]);
        Require(kind is "code" or "markdown" or "raw", $"{place}: has the unknown cell_type '{kind}'; notebooks have code, markdown and raw cells.");
        Require(IsText(cell["source"]), $"{place}: \"source\" must be a string or an array of strings.");
        Require(cell["metadata"] is JsonObject, $"{place}: has no object \"metadata\".");
        Require(cell["id"] is not { } id || (String(id) is { } name && IdPattern().IsMatch(name) && ids.Add(name)),
            $"{place}: its id {cell["id"]?.ToJsonString()} is not 1 to 64 letters, digits, - or _, or another cell has it too.");
        if (kind != "code") return;
        var outputs = cell["outputs"] as JsonArray ?? throw new NotebookException($"{place}: a code cell needs an array \"outputs\".");
        foreach (var output in outputs)
        {
            Require(output is JsonObject && String(output["output_type"]) is "stream" or "display_data" or "execute_result" or "error",
                $"{place}: has an output of unknown output_type {(output as JsonObject)?["output_type"]?.ToJsonString()}.");
        }
    }

    static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new NotebookException(otherwise);
    }

    static bool IsText(JsonNode? node) =>
        String(node) is not null || (node is JsonArray lines && lines.All(line => String(line) is not null));

    static string? String(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? (string?)node : null;

    static int? Number(JsonNode? node) => node?.GetValueKind() == JsonValueKind.Number && node.AsValue().TryGetValue<int>(out var number) ? number : null;

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$")]
    private static partial Regex IdPattern();
}
