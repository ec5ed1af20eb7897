using System.CommandLine;
using System.Net;
using System.Text.Json;

namespace HeadKvLab.Cli;

/// <summary><c>lab summary</c>: what <c>./lab run</c> prints at its end, and the page that links the executed notebooks.</summary>
internal static class SummaryCommand
{
    internal static Command Create()
    {
        var folder = new Argument<DirectoryInfo>("folder") { Description = "Where index.html goes." };
        var notebooks = new Argument<FileInfo[]>("notebooks") { Description = "Executed notebooks; the HTML files lie beside them." };
        var command = new Command("summary", "Prints the cells tagged 'summary' of executed notebooks as text, and writes an index page.\n\nExample:  lab summary out out/00-quickstart.ipynb") { folder, notebooks };
        command.SetAction(result => Run(result.GetRequiredValue(folder), result.GetRequiredValue(notebooks)));
        return command;
    }

    private static int Run(DirectoryInfo folder, FileInfo[] notebooks)
    {
        foreach (var file in notebooks.Where(n => n.Exists))
        {
            using var notebook = Parse(file);
            var title = Title(notebook.RootElement) ?? Path.GetFileNameWithoutExtension(file.Name);
            Console.WriteLine($"\n{title}\n{new string('-', title.Length)}");
            foreach (var text in SummaryTexts(notebook.RootElement)) Console.WriteLine(text.TrimEnd());
            Console.WriteLine($"-> {Path.ChangeExtension(Path.GetRelativePath(Environment.CurrentDirectory, file.FullName), ".html")}");
        }
        folder.Create();
        var links = folder.EnumerateFiles("*.ipynb").Where(file => File.Exists(Path.ChangeExtension(file.FullName, ".html"))).OrderBy(file => file.Name, StringComparer.Ordinal).Select(Link);
        File.WriteAllText(Path.Combine(folder.FullName, "index.html"), $$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>HeadKvLab</title>
            <style>body{font:17px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#222}a{color:#0b5394}</style></head>
            <body><h1>HeadKvLab</h1><p>The workbook, executed on this machine.</p><ul>{{string.Concat(links)}}</ul></body></html>
            """);
        return 0;
    }

    /// <summary>A line of the index, also for notebooks of earlier runs whose pages lie there.</summary>
    private static string Link(FileInfo file)
    {
        using var notebook = Parse(file);
        var name = Path.GetFileNameWithoutExtension(file.Name);
        return $"<li><a href=\"{WebUtility.HtmlEncode(name)}.html\">{WebUtility.HtmlEncode($"{name[..Math.Min(2, name.Length)]} · {Title(notebook.RootElement) ?? name}")}</a></li>";
    }

    private static JsonDocument Parse(FileInfo file)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(file.FullName));
        }
        catch (JsonException e)
        {
            throw new LabException($"{file.FullName}: is no notebook ({e.Message}); run it again.", e);
        }
    }

    private static string? Title(JsonElement notebook) => Cells(notebook)
        .Where(cell => cell.GetProperty("cell_type").GetString() == "markdown")
        .Select(cell => Text(cell.GetProperty("source")).Split('\n')[0])
        .Where(line => line.StartsWith("# ", StringComparison.Ordinal)).Select(line => line[2..].Trim()).FirstOrDefault();

    private static IEnumerable<string> SummaryTexts(JsonElement notebook) =>
        from cell in Cells(notebook)
        where cell.TryGetProperty("metadata", out var meta) && meta.TryGetProperty("tags", out var tags) && tags.EnumerateArray().Any(t => t.GetString() == "summary")
        where cell.TryGetProperty("outputs", out _)
        from output in cell.GetProperty("outputs").EnumerateArray()
        let text = output.TryGetProperty("data", out var data) && data.TryGetProperty("text/plain", out var plain) ? Text(plain)
            : output.TryGetProperty("text", out var stream) ? Text(stream) : null
        where text is not null
        select text;

    private static IEnumerable<JsonElement> Cells(JsonElement notebook) =>
        notebook.TryGetProperty("cells", out var cells) ? cells.EnumerateArray() : [];

    private static string Text(JsonElement source) => source.ValueKind == JsonValueKind.Array
        ? string.Concat(source.EnumerateArray().Select(line => line.GetString())) : source.GetString() ?? "";
}
