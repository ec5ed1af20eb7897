using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace HeadKvLab.Text;

/// <summary>
/// Reads the JSON files of a model folder without forgiveness: valid UTF-8, one top-level object, no key twice, every escape a character,
/// at most 64 levels. Everything else is a <see cref="LabException"/> that names the file and the place.
/// </summary>
internal static class StrictJson
{
    /// <summary>Largest JSON file of a model folder that is read at all, bytes (shard indexes and tokenizers of the biggest models have some 10 MB).</summary>
    internal const long LargestFile = 256L << 20;

    private const int Depth = 64;

    /// <summary>Reads and parses one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cure">What to do when the file is missing, as the end of a sentence.</param>
    internal static JsonElement ReadFile(string path, string cure)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: no such file: {cure}");
        var length = new FileInfo(path).Length;
        if (length > LargestFile)
            throw new LabException($"{path}: {Grouped(length)} bytes are too many for a JSON file of a model folder (limit {Grouped(LargestFile)}): this is not the file its name says");
        try
        {
            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Parses the bytes of <paramref name="file"/> into its top-level object.</summary>
    internal static JsonElement Parse(byte[] utf8, string file)
    {
        var content = utf8.AsMemory(utf8.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
        if (!Utf8.IsValid(content.Span)) throw new LabException($"{file}: not valid UTF-8 (first bad byte at {Grouped(FirstInvalid(content.Span))}): download the file again");
        try
        {
            RefuseHalfCharacters(content.Span, file);
            using var document = JsonDocument.Parse(content, new JsonDocumentOptions { MaxDepth = Depth, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new LabException($"{file}: holds a JSON {Kind(document.RootElement)} where an object is expected: this is not the file its name says");
        }
        catch (JsonException e)
        {
            throw new LabException($"{file}: not usable JSON: {e.Message} Mend the file or download it again", e);
        }
    }

    /// <summary>Index of the first byte that is not part of valid UTF-8.</summary>
    internal static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length && System.Text.Rune.DecodeFromUtf8(bytes[at..], out _, out var used) == System.Buffers.OperationStatus.Done) at += used;
        return at;
    }

    internal static string Kind(JsonElement element) => element.ValueKind.ToString().ToLowerInvariant();

    internal static string Grouped(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>An escape such as <c>\ud800</c> alone is valid JSON but no text; readers meet it only when they ask for the string.</summary>
    private static void RefuseHalfCharacters(ReadOnlySpan<byte> utf8, string file)
    {
        if (utf8.IndexOf("\\ud"u8) < 0 && utf8.IndexOf("\\uD"u8) < 0) return;
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = Depth });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped) continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException e)
            {
                throw new LabException($"{file}: the string at byte {Grouped(reader.TokenStartIndex)} escapes half a character (a lone surrogate): mend the file or download it again", e);
            }
        }
    }
}
