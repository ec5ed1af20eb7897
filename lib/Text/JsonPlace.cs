using System.Text.Json;

namespace HeadKvLab.Text;

/// <summary>A value in a JSON file that knows where it stands, so that every refusal names the file, the place and what is there.</summary>
/// <param name="File">The file, for messages.</param>
/// <param name="Path">Keys and indexes that lead to the value; empty for the top level.</param>
/// <param name="Value">The value; undefined where there is none.</param>
internal readonly record struct JsonPlace(string File, string Path, JsonElement Value)
{
    private const int LongestRaw = 60;

    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="cure">Ends the message when the file is missing.</param>
    public static JsonPlace Read(string file, string cure = "copy it from the model's own repository") => new(file, "", StrictJson.ReadFile(file, cure));

    /// <summary>Whether the member stands in the file, be it null.</summary>
    public bool Given => Value.ValueKind != JsonValueKind.Undefined;

    /// <summary>Whether there is a value other than null.</summary>
    public bool Exists => Value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    /// <summary>The value as it is written; of a long one the beginning.</summary>
    public string Raw => Value.GetRawText() is { Length: > LongestRaw } raw ? raw[..LongestRaw] + "…" : Value.GetRawText();

    /// <summary>A member of an object; one that does not exist when it is missing or this is null.</summary>
    public JsonPlace this[string name]
    {
        get
        {
            if (!Exists) return new JsonPlace(File, $"{Path}.{name}", default);
            if (Value.ValueKind != JsonValueKind.Object) throw Wrong("an object");
            return new JsonPlace(File, $"{Path}.{name}", Value.TryGetProperty(name, out JsonElement member) ? member : default);
        }
    }

    /// <summary>The items of an array; none when it is missing.</summary>
    public IEnumerable<JsonPlace> Items()
    {
        if (!Exists) yield break;
        if (Value.ValueKind != JsonValueKind.Array) throw Wrong("an array");
        int i = 0;
        foreach (JsonElement item in Value.EnumerateArray()) yield return new JsonPlace(File, $"{Path}[{i++}]", item);
    }

    /// <summary>The items of an array that must be there.</summary>
    public IEnumerable<JsonPlace> NeededItems() => Exists ? Items() : throw Wrong("an array");

    /// <summary>How many members an object has.</summary>
    public int Count() => !Exists ? 0 : Value.ValueKind == JsonValueKind.Object ? Value.GetPropertyCount() : throw Wrong("an object");

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, JsonPlace Value)> Members()
    {
        if (!Exists) yield break;
        if (Value.ValueKind != JsonValueKind.Object) throw Wrong("an object");
        foreach (JsonProperty member in Value.EnumerateObject())
            yield return (member.Name, new JsonPlace(File, $"{Path}[{member.Name}]", member.Value));
    }

    /// <summary>The text here; refuses anything else.</summary>
    public string Text() => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Wrong("a string");

    /// <summary>The text here, or a default when there is none.</summary>
    public string TextOr(string otherwise) => TextOrNone() ?? otherwise;

    /// <summary>The text here; null when there is none.</summary>
    public string? TextOrNone() => Exists ? Text() : null;

    /// <summary>The texts of an array; null when there is none.</summary>
    public string[]? Texts() => Exists ? [.. Items().Select(item => item.Text())] : null;

    /// <summary>The whole number here; refuses anything else.</summary>
    public int Integer() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int number) ? number : throw Wrong("a whole number below 2^31");

    /// <summary>A whole number within [least, most]; <paramref name="missing"/> when there is none, an error when that is null.</summary>
    public int Int(int least, int most, int? missing = null)
    {
        if (!Exists && missing is { } otherwise) return otherwise;
        if (Value.ValueKind != JsonValueKind.Number || !Value.TryGetInt64(out long number)) throw Wrong("a whole number");
        return number >= least && number <= most ? (int)number
            : throw Bad($"is {StrictJson.Grouped(number)}, outside {StrictJson.Grouped(least)} to {StrictJson.Grouped(most)}: correct the file");
    }

    /// <summary>A finite number of any sign; null when there is none.</summary>
    public double? Number() => !Exists ? null
        : Value.ValueKind == JsonValueKind.Number && Value.TryGetDouble(out double number) && double.IsFinite(number) ? number : throw Wrong("a number");

    /// <summary>A finite number above 0; <paramref name="missing"/> when there is none, an error when that is null.</summary>
    public double Positive(double? missing = null) =>
        !Exists && missing is { } otherwise ? otherwise : Number() is { } number && number > 0 ? number : throw Wrong("a number above 0");

    /// <summary>The flag here, or a default when there is none.</summary>
    public bool FlagOr(bool otherwise) => Exists ? Flag() : otherwise;

    /// <summary>The flag here; refuses anything else, and none.</summary>
    public bool Flag() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Wrong("true or false");

    /// <summary>One token id or an array of them, each within [0, vocabulary); none when there is no value. (-1, an old spelling of "none", counts as none.)</summary>
    public int[] Ids(int vocabulary) => !Exists || Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int only) && only == -1 ? []
        : Value.ValueKind == JsonValueKind.Array ? [.. Items().Select(item => item.Id(vocabulary))] : [Id(vocabulary)];

    /// <summary>Arrays of token ids, each with one id at least; none when there is no value.</summary>
    public int[][] IdLists(int vocabulary) => [.. Items().Select(list => list.Value.ValueKind == JsonValueKind.Array && list.Value.GetArrayLength() > 0
        ? list.Ids(vocabulary) : throw list.Wrong("an array of token ids"))];

    /// <summary>An error about this place.</summary>
    public LabException Bad(string what) => new($"{File}: {(Path.Length == 0 ? "the file" : $"'{Path.TrimStart('.')}'")} {what}");

    private int Id(int vocabulary)
    {
        int id = Int(0, int.MaxValue);
        return id < vocabulary ? id : throw Bad($"names token {StrictJson.Grouped(id)}, beyond the vocabulary of {StrictJson.Grouped(vocabulary)}: correct the id or vocab_size");
    }

    private LabException Wrong(string expected) => Bad(!Given ? "is missing: add it, or take the file from the model's own repository"
        : !Exists ? "is null: give a value, or take the file from the model's own repository"
        : $"is {Raw} where {expected} is expected: correct the file, or take it from the model's own repository");
}
