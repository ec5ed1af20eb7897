using System.Text;
using System.Text.Json;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>One line of a file of JSON objects; fields are read with errors that name file, line and field.</summary>
/// <param name="Path">The file.</param>
/// <param name="Number">Line number, 1 first.</param>
/// <param name="Fields">The object.</param>
public readonly record struct JsonLine(string Path, int Number, JsonElement Fields)
{
    /// <summary>A string.</summary>
    public string Text(string field) => Get(field) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : throw Wrong(field, "a string");

    /// <summary>A string, or an empty one where the field is missing.</summary>
    public string TextOrEmpty(string field) => Fields.TryGetProperty(field, out _) ? Text(field) : "";

    /// <summary>A list of strings, or a string for a list of one.</summary>
    public string[] Texts(string field)
    {
        var value = Get(field);
        if (value.ValueKind == JsonValueKind.String) return [value.GetString()!];
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

/// <summary>Reads JSON lines: with or without byte-order mark, carriage returns, blank lines and a last newline.</summary>
public static class JsonLines
{
    /// <summary>Longest line, characters: a longer one is hardly a record.</summary>
    public const int LongestLine = 1 << 28;

    /// <summary>Reads a file, a line at a time.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="LabException">The file is missing, or a line is no JSON object.</exception>
    public static IEnumerable<JsonLine> Read(string path)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: no such file");
        using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
        for (var number = 1; ; number++)
        {
            string? line;
            try
            {
                line = reader.ReadLine();
            }
            catch (DecoderFallbackException e)
            {
                throw new LabException($"{path}, near line {number}: not UTF-8; convert the file", e);
            }
            if (line is null) yield break;
            if (line.AsSpan().Trim().Length == 0) continue;
            if (line.Length > LongestLine) throw new LabException($"{path}, line {number}: {line.Length:N0} characters; a record has at most {LongestLine:N0}");
            yield return new JsonLine(path, number, Parse(path, number, line));
        }
    }

    private static JsonElement Parse(string path, int number, string line)
    {
        try
        {
            var value = JsonSerializer.Deserialize<JsonElement>(line);
            if (value.ValueKind == JsonValueKind.Object) return value;
        }
        catch (JsonException e)
        {
            throw new LabException($"{path}, line {number}: not JSON (byte {e.BytePositionInLine}){(line.TrimEnd().EndsWith('}') ? "" : ": the line seems torn")}; correct it or leave it out", e);
        }
        throw new LabException($"{path}, line {number}: not a JSON object; correct it or leave it out");
    }
}
