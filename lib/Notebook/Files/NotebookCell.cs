using System.Globalization;
using System.Text.Json.Nodes;

namespace HeadKvLab.Notebook.Files;

/// <summary>One cell of a notebook file, a view of its JSON.</summary>
/// <param name="json">The cell's object.</param>
internal sealed class NotebookCell(JsonObject json)
{
    /// <summary>"code", "markdown" or "raw".</summary>
    internal string Kind => (string)json["cell_type"]!;

    internal string Id => (string)json["id"]!;

    internal string Source => Text(json["source"]);

    /// <summary>The outputs of a code cell; empty for others.</summary>
    internal IEnumerable<JsonObject> Outputs => (json["outputs"] as JsonArray ?? []).Select(output => output!.AsObject());

    internal int? ExecutionCount
    {
        get => (int?)json["execution_count"];
        set => json["execution_count"] = value;
    }

    internal void SetOutputs(JsonArray outputs) => json["outputs"] = outputs;

    /// <summary>When the cell began and ended, under the names Jupyter gives these times; null: nobody took them.</summary>
    internal (DateTime Began, DateTime Ended)? Times
    {
        get => Time("iopub.status.busy") is { } began && Time("iopub.status.idle") is { } ended ? (began, ended) : null;
        set
        {
            var metadata = json["metadata"]!.AsObject();
            metadata.Remove("execution");
            if (value is var (began, ended))
            {
                metadata["execution"] = new JsonObject
                {
                    ["iopub.execute_input"] = Written(began),
                    ["iopub.status.busy"] = Written(began),
                    ["iopub.status.idle"] = Written(ended),
                    ["shell.execute_reply"] = Written(ended),
                };
            }
        }
    }

    internal JsonObject? Attachments => json["attachments"] as JsonObject;

    internal bool HasTag(string tag) => json["metadata"]?["tags"] is JsonArray tags && tags.Any(one => (string?)one == tag);

    /// <summary>The language a polyglot notebook gives the cell, or null for the notebook's own.</summary>
    internal string? Language => LanguageIn(json["metadata"]);

    /// <summary>The same of a cell's metadata, which front ends send along when they run it.</summary>
    internal static string? LanguageIn(JsonNode? metadata) =>
        Named(metadata, "polyglot_notebook", "kernelName") ?? Named(metadata, "dotnet_interactive", "language") ?? Named(metadata, "vscode", "languageId");

    static string? Named(JsonNode? metadata, string program, string field) =>
        ((metadata as JsonObject)?[program] as JsonObject)?[field] is JsonValue value && value.TryGetValue(out string? name) ? name : null;

    DateTime? Time(string name) =>
        DateTime.TryParse(Text(json["metadata"]?["execution"]?[name]), CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    static string Written(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);

    /// <summary>Text that notebooks store as a string or as an array of lines.</summary>
    internal static string Text(JsonNode? node) => node switch
    {
        null => "",
        JsonArray lines => string.Concat(lines.Select(line => (string?)line)),
        _ => (string?)node ?? "",
    };

    /// <summary>Text as notebooks store it: an array of lines that keep their ends.</summary>
    internal static JsonArray Lines(string text)
    {
        var lines = new JsonArray();
        for (var start = 0; start < text.Length;)
        {
            var end = text.IndexOf('\n', start) is var at && at >= 0 ? at + 1 : text.Length;
            lines.Add(text[start..end]);
            start = end;
        }
        return lines;
    }
}
