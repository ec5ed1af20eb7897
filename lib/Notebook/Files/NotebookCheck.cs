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
        if (Number(root["nbformat"]) is not { } major)
        {
            throw new NotebookException($"{file}: has no number \"nbformat\", so it is not a Jupyter notebook.");
        }
        if (major != 4)
        {
            throw new NotebookException(major < 4
                ? $"{file}: is in the old notebook format {major}; convert it: jupyter nbconvert --to notebook --nbformat 4 {Path.GetFileName(file)}"
                : $"{file}: is in notebook format {major}, newer than format 4, which this program knows.");
        }
        if (Number(root["nbformat_minor"]) is null || root["metadata"] is not JsonObject)
        {
            throw new NotebookException($"{file}: \"nbformat_minor\" (a number) or \"metadata\" (an object) is missing.");
        }
        if (root["cells"] is not JsonArray cells)
        {
            throw new NotebookException($"{file}: has no array \"cells\".");
        }
        CheckLanguage(root["metadata"]!, file);
        var ids = new HashSet<string>();
        for (var i = 0; i < cells.Count; i++)
        {
            CheckCell(cells[i], $"{file}: cell {i + 1}", ids);
        }
    }

    static void CheckLanguage(JsonNode metadata, string file)
    {
        var kernel = String(metadata["kernelspec"]?["name"]);
        var language = String(metadata["kernelspec"]?["language"]) ?? String(metadata["language_info"]?["name"]);
        if (language is not (null or "C#" or "csharp" or "c#" or "polyglot-notebook"))
        {
            throw new NotebookException($"{file}: is written for the kernel '{kernel}' in {language}; this program runs C# notebooks (kernel .net-csharp).");
        }
    }

    static void CheckCell(JsonNode? node, string place, HashSet<string> ids)
    {
        if (node is not JsonObject cell)
        {
            throw new NotebookException($"{place}: is not an object.");
        }
        var kind = String(cell["cell_type"]);
        if (kind is not ("code" or "markdown" or "raw"))
        {
            throw new NotebookException($"{place}: has the unknown cell_type '{kind}'; notebooks have code, markdown and raw cells.");
        }
        if (!IsText(cell["source"]))
        {
            throw new NotebookException($"{place}: \"source\" must be a string or an array of strings.");
        }
        if (cell["metadata"] is not JsonObject)
        {
            throw new NotebookException($"{place}: has no object \"metadata\".");
        }
        if (cell["id"] is { } id && (String(id) is not { } name || !IdPattern().IsMatch(name) || !ids.Add(name)))
        {
            throw new NotebookException($"{place}: its id {id.ToJsonString()} is not 1 to 64 letters, digits, - or _, or another cell has it too.");
        }
        if (kind == "code")
        {
            CheckOutputs(cell["outputs"], place);
        }
    }

    static void CheckOutputs(JsonNode? node, string place)
    {
        if (node is not JsonArray outputs)
        {
            throw new NotebookException($"{place}: a code cell needs an array \"outputs\".");
        }
        foreach (var output in outputs)
        {
            if (output is not JsonObject || String(output["output_type"]) is not ("stream" or "display_data" or "execute_result" or "error"))
            {
                throw new NotebookException($"{place}: has an output of unknown output_type {output?["output_type"]?.ToJsonString()}.");
            }
        }
    }

    static bool IsText(JsonNode? node) =>
        String(node) is not null || (node is JsonArray lines && lines.All(line => String(line) is not null));

    static string? String(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? (string?)node : null;

    static int? Number(JsonNode? node) => node?.GetValueKind() == JsonValueKind.Number && node.AsValue().TryGetValue<int>(out var number) ? number : null;

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$")]
    private static partial Regex IdPattern();
}
