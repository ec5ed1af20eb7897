using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadKvLab.Notebook.Files;

/// <summary>
/// A notebook file of nbformat 4, kept as the JSON it is: what this program does not change (metadata, ids, the order of keys) is
/// written back as it was read. Files of 4.0 to 4.4 become 4.5 by getting cell ids.
/// </summary>
internal sealed class NotebookDocument
{
    static readonly JsonSerializerOptions Written = new()
    {
        WriteIndented = true,
        IndentSize = 1,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    readonly JsonObject root;

    NotebookDocument(JsonObject root) => this.root = root;

    internal IReadOnlyList<NotebookCell> Cells { get; private set; } = [];

    /// <summary>The title for a page: the first heading, or null.</summary>
    internal string? Title => Cells.Where(cell => cell.Kind == "markdown").SelectMany(cell => cell.Source.Split('\n'))
        .FirstOrDefault(line => line.StartsWith("# ", StringComparison.Ordinal))?[2..].Trim();

    /// <exception cref="NotebookException">Not a notebook that can be run; the message names the place.</exception>
    internal static NotebookDocument Load(string file)
    {
        string text;
        try
        {
            text = File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new NotebookException($"{file}: cannot be read: {exception.Message}");
        }
        return Parse(text, file);
    }

    /// <param name="text">JSON.</param>
    /// <param name="file">For messages.</param>
    /// <exception cref="NotebookException">Not a notebook that can be run; the message names the place.</exception>
    internal static NotebookDocument Parse(string text, string file)
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(text);
        }
        catch (JsonException exception)
        {
            throw new NotebookException($"{file}: not JSON, so not a notebook (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}): {exception.Message.Split(" LineNumber")[0]}");
        }
        if (node is not JsonObject root)
        {
            throw new NotebookException($"{file}: a notebook is a JSON object, this is {(node is JsonArray ? "an array" : "a single value")}.");
        }
        NotebookCheck.Check(root, file);
        AddMissingIds(root);
        var document = new NotebookDocument(root);
        document.ReadCells();
        return document;
    }

    /// <summary>Puts a new code cell before the cell at <paramref name="index"/>.</summary>
    internal void Insert(int index, string source, string tag)
    {
        var cell = new JsonObject
        {
            ["cell_type"] = "code",
            ["execution_count"] = null,
            ["id"] = NewId($"{tag}:{index}:{source}"),
            ["metadata"] = new JsonObject { ["tags"] = new JsonArray(tag) },
            ["outputs"] = new JsonArray(),
            ["source"] = NotebookCell.Lines(source),
        };
        root["cells"]!.AsArray().Insert(index, cell);
        ReadCells();
    }

    internal void RemoveAt(int index)
    {
        root["cells"]!.AsArray().RemoveAt(index);
        ReadCells();
    }

    internal string ToJson() => root.ToJsonString(Written) + "\n";

    /// <summary>Writes the file whole or not at all: a crash in between leaves the old one.</summary>
    /// <exception cref="NotebookException">It cannot be written.</exception>
    internal void Save(string file)
    {
        var full = Path.GetFullPath(file);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            OutputFile.Write(full, stream => stream.Write(Encoding.UTF8.GetBytes(ToJson())), again: true);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new NotebookException($"{file}: cannot be written: {problem.Message} Name another file.");
        }
    }

    void ReadCells() => Cells = [.. root["cells"]!.AsArray().Select(cell => new NotebookCell(cell!.AsObject()))];

    static void AddMissingIds(JsonObject root)
    {
        if ((int)root["nbformat_minor"]! < 5)
        {
            root["nbformat_minor"] = 5;
        }
        var index = 0;
        foreach (var cell in root["cells"]!.AsArray().Select(cell => cell!.AsObject()))
        {
            cell["id"] ??= NewId($"{index}:{cell["source"]!.ToJsonString()}");
            index++;
        }
    }

    static string NewId(string of) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(of)))[..8];
}
