using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>The contents of replies, in the words of Jupyter's protocol.</summary>
internal static class Replies
{
    internal static JsonObject Ok(params ReadOnlySpan<(string Name, JsonNode? Value)> fields)
    {
        var content = new JsonObject { ["status"] = "ok" };
        foreach (var (name, value) in fields)
        {
            content[name] = value;
        }
        return content;
    }

    /// <param name="name">The kind of error.</param>
    /// <param name="message">What went wrong.</param>
    /// <param name="traceback">Lines for the reader; shown in red.</param>
    internal static JsonObject Error(string name, string message, IReadOnlyList<string>? traceback = null) => new()
    {
        ["status"] = "error",
        ["ename"] = name,
        ["evalue"] = message,
        ["traceback"] = new JsonArray([.. (traceback ?? []).Select(line => JsonValue.Create($"\u001b[31m{line}\u001b[39m"))]),
    };

    internal static JsonObject Complete(CodeInsight insight, JsonObject content)
    {
        var (code, cursor) = Place(content);
        var (names, start) = insight.Complete(code, cursor);
        return Ok(
            ("matches", new JsonArray([.. names.Select(name => JsonValue.Create(name))])),
            ("cursor_start", CodePoints(code, start)),
            ("cursor_end", CodePoints(code, cursor)),
            ("metadata", new JsonObject()));
    }

    internal static JsonObject Inspect(CodeInsight insight, JsonObject content)
    {
        var (code, cursor) = Place(content);
        var found = insight.Inspect(code, cursor);
        return Ok(
            ("found", found is not null),
            ("data", found is null ? new JsonObject() : new JsonObject { ["text/plain"] = found }),
            ("metadata", new JsonObject()));
    }

    internal static JsonObject IsComplete(JsonObject content) => CSharpKernel.IsComplete((string?)content["code"] ?? "")
        ? new JsonObject { ["status"] = "complete" }
        : new JsonObject { ["status"] = "incomplete", ["indent"] = "    " };

    /// <summary>
    /// CodeMirror's mode stands there as a media type: the classic notebook and JupyterLab both find C# by it, and JupyterLab takes an
    /// object without a name it knows for plain text.
    /// </summary>
    internal static JsonObject KernelInfo() => Ok(
        ("protocol_version", "5.3"),
        ("implementation", "HeadKvLab.Notebook"),
        ("implementation_version", typeof(Replies).Assembly.GetName().Version!.ToString(3)),
        ("banner", "C# 14 notebooks, in the dialect of .NET Interactive"),
        ("debugger", false),
        ("help_links", new JsonArray()),
        ("language_info", new JsonObject
        {
            ["name"] = "C#",
            ["version"] = "14.0",
            ["mimetype"] = "text/x-csharp",
            ["file_extension"] = ".cs",
            ["pygments_lexer"] = "csharp",
            ["codemirror_mode"] = "text/x-csharp",
        }));

    /// <summary>Code with plain line ends and the cursor in UTF-16 units; messages count Unicode code points.</summary>
    static (string Code, int Cursor) Place(JsonObject content)
    {
        var code = (string?)content["code"] ?? "";
        var points = (int?)content["cursor_pos"] ?? int.MaxValue;
        var cursor = 0;
        foreach (var rune in code.EnumerateRunes())
        {
            if (points-- <= 0)
            {
                break;
            }
            cursor += rune.Utf16SequenceLength;
        }
        return (code, Math.Min(cursor, code.Length));
    }

    static int CodePoints(string code, int position) => code[..position].EnumerateRunes().Count();
}
