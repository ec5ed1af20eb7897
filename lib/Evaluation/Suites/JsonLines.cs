using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>One line of a file of JSON objects; fields are read with errors that name file, line and field.</summary>
/// <param name="Path">The file.</param>
/// <param name="Number">Line number, 1 first.</param>
/// <param name="Fields">The object.</param>
public readonly record struct JsonLine(string Path, int Number, JsonElement Fields)
{
    /// <summary>A string.</summary>
    public string Text(string field) => Get(field) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : throw Wrong(field, "a string");

    /// <summary>Whether the field is there.</summary>
    public bool Has(string field) => Fields.TryGetProperty(field, out _);

    /// <summary>A string, or an empty one where the field is missing.</summary>
    public string TextOrEmpty(string field) => Has(field) ? Text(field) : "";

    /// <summary>A list of strings, or a string: for a list of one, or for a list as Python prints it, which is how tables of text hold lists.</summary>
    public string[] Texts(string field)
    {
        var value = Get(field);
        if (value.ValueKind == JsonValueKind.String) return PrintedList.Read(value.GetString()!, $"{Path}, line {Number}, field '{field}'");
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(v => v.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))) throw Wrong(field, "a list of strings");
        return [.. value.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.String ? v.GetString()! : v.GetRawText())];
    }

    /// <summary>A list of strings; null where the field is missing or null.</summary>
    public string[]? TextsOrNull(string field) => Fields.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null ? Texts(field) : null;

    /// <summary>A whole number.</summary>
    public int Whole(string field) => Get(field) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var whole) ? whole : throw Wrong(field, "a whole number");

    private JsonElement Get(string field) => Fields.TryGetProperty(field, out var value) ? value : throw Wrong(field, "there");

    private LabException Wrong(string field, string wanted) => new($"{Path}, line {Number}: field '{field}' must be {wanted}; correct the line or leave it out");
}

/// <summary>Reads JSON lines: with or without byte-order mark, carriage returns, blank lines and a last newline. Only one line is in memory at a time.</summary>
public static class JsonLines
{
    /// <summary>Longest line, bytes: 256 MiB, some forty times the longest book; a longer one is no record, and is not read to its end.</summary>
    public const int LongestLine = 1 << 28;

    /// <summary>Reads a file, a line at a time.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="LabException">The file is missing or unreadable, or a line is no JSON object in UTF-8.</exception>
    public static IEnumerable<JsonLine> Read(string path)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: no such file");
        foreach (var (number, line) in Lines(path))
            if (line.AsSpan().ContainsAnyExcept(" \t\r\uFEFF"u8)) yield return new JsonLine(path, number, Parse(path, number, line));
    }

    private static IEnumerable<(int Number, byte[] Line)> Lines(string path)
    {
        using var file = Open(path);
        using var line = new MemoryStream();
        var buffer = new byte[1 << 16];
        var number = 1;
        for (int read; (read = file.Read(buffer)) > 0;)
            for (var at = 0; at < read; at++)
            {
                var end = Array.IndexOf(buffer, (byte)'\n', at, read - at);
                var stop = end < 0 ? read : end;
                if (line.Length + stop - at > LongestLine) throw new LabException($"{path}, line {number}: longer than {LongestLine >> 20} MiB, no record of a benchmark; are its newlines missing?");
                line.Write(buffer, at, stop - at);
                at = stop;
                if (end < 0) break;
                yield return (number++, line.ToArray());
                line.SetLength(0);
            }
        if (line.Length > 0) yield return (number, line.ToArray());
    }

    private static FileStream Open(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    private static JsonElement Parse(string path, int number, byte[] line)
    {
        try
        {
            return StrictJson.Parse(line, $"{path}, line {number}");
        }
        catch (LabException e) when (e.InnerException is JsonException && !line.AsSpan().TrimEnd(" \t\r"u8).EndsWith("}"u8))
        {
            throw new LabException($"{path}, line {number}: the line seems torn, it ends before its object does; correct it or leave it out", e);
        }
    }
}
