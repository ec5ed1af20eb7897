using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Models;

/// <summary>One JSON object with typed access to its keys; errors name the file, the key and what stands there.</summary>
/// <param name="element">The object.</param>
/// <param name="file">File it came from, for messages.</param>
/// <param name="path">Keys that lead to it, with a dot at the end; empty for the top level.</param>
internal sealed class JsonFields(JsonElement element, string file, string path)
{
    internal string File => file;

    /// <summary>The top-level object of a file; <paramref name="cure"/> ends the message when the file is missing.</summary>
    internal static JsonFields ReadFile(string path, string cure) => new(StrictJson.ReadFile(path, cure), path, "");

    internal JsonElement Element => element;

    /// <summary>True and the value when the key is there and not null.</summary>
    internal bool Has(string key, out JsonElement value) =>
        element.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>True when the key stands there, even with the value null.</summary>
    internal bool Mentions(string key) => element.TryGetProperty(key, out _);

    /// <summary>A whole number within [least, most]; <paramref name="missing"/> when absent, an error when that is null.</summary>
    internal int Int(string key, int least, int most, int? missing = null)
    {
        if (!Has(key, out var value)) return missing ?? throw Missing(key);
        return Whole(value, key, least, most);
    }

    /// <summary>A finite number above 0; <paramref name="missing"/> when absent, an error when that is null.</summary>
    internal double Positive(string key, double? missing = null)
    {
        if (!Has(key, out var value)) return missing ?? throw Missing(key);
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) && number > 0) return number;
        throw Wrong(key, value, "a number above 0");
    }

    /// <summary>A finite number of any sign; null when absent.</summary>
    internal double? Number(string key)
    {
        if (!Has(key, out var value)) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)) return number;
        throw Wrong(key, value, "a number");
    }

    internal bool Flag(string key, bool missing)
    {
        if (!Has(key, out var value)) return missing;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, value, "true or false");
    }

    internal string? Text(string key)
    {
        if (!Has(key, out var value)) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(key, value, "a string");
    }

    /// <summary>The object under a key; null when absent.</summary>
    internal JsonFields? Object(string key)
    {
        if (!Has(key, out var value)) return null;
        return value.ValueKind == JsonValueKind.Object ? new JsonFields(value, file, path + key + ".") : throw Wrong(key, value, "an object");
    }

    /// <summary>Strings of an array; null when absent.</summary>
    internal string[]? Texts(string key)
    {
        if (!Has(key, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(key, value, "an array of strings");
        return [.. value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong(key, item, "a string"))];
    }

    /// <summary>One token id or an array of them, each within [0, vocabulary); empty when absent. (-1, an old spelling of "none", counts as absent.)</summary>
    internal int[] Ids(string key, int vocabulary)
    {
        if (!Has(key, out var value)) return [];
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var only) && only == -1) return [];
        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => Id(item, key, vocabulary))]
            : [Id(value, key, vocabulary)];
    }

    /// <summary>Arrays of token ids, each with one id at least; empty when absent.</summary>
    internal int[][] IdLists(string key, int vocabulary)
    {
        if (!Has(key, out var value)) return [];
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(key, value, "an array of arrays of token ids");
        return [.. value.EnumerateArray().Select(list => list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
            ? list.EnumerateArray().Select(item => Id(item, key, vocabulary)).ToArray()
            : throw Wrong(key, list, "an array of token ids"))];
    }

    /// <summary>An error at a key of this object.</summary>
    internal LabException Error(string key, string what) => new($"{file}: '{path}{key}' {what}");

    private int Id(JsonElement value, string key, int vocabulary)
    {
        var id = Whole(value, key, 0, int.MaxValue);
        return id < vocabulary ? id : throw Error(key, $"names token {StrictJson.Grouped(id)}, beyond the vocabulary of {StrictJson.Grouped(vocabulary)}: correct the id or vocab_size");
    }

    private int Whole(JsonElement value, string key, int least, int most)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number)) throw Wrong(key, value, "a whole number");
        if (number < least || number > most)
            throw Error(key, $"is {StrictJson.Grouped(number)}, outside {StrictJson.Grouped(least)} to {StrictJson.Grouped(most)}: correct the file");
        return (int)number;
    }

    [SuppressMessage("Performance", "CA1822", Justification = "reads the primary constructor's parameters")]
    private LabException Missing(string key) => Error(key, $"is {(Mentions(key) ? "null: give a value" : "missing: add it")}, or take the file from the model's own repository");

    private LabException Wrong(string key, JsonElement value, string expected)
    {
        var raw = value.GetRawText();
        return Error(key, $"is {(raw.Length > 60 ? raw[..60] + "…" : raw)} where {expected} is expected: correct the file");
    }
}
