using System.Text.Json;

namespace HeadKvLab.Text;

/// <summary>A value in a JSON file that knows where it stands, so that every refusal names the file and the place.</summary>
internal readonly record struct JsonPlace(string File, string Path, JsonElement Value)
{
    /// <summary>Reads a file.</summary>
    public static JsonPlace Read(string file) => new(file, "", StrictJson.ReadFile(file, "copy it from the model's own repository"));

    /// <summary>Whether there is a value other than null.</summary>
    public bool Exists => Value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    /// <summary>A member of an object; one that does not exist when it is missing or this is null.</summary>
    public JsonPlace this[string name]
    {
        get
        {
            if (!Exists) return new JsonPlace(File, $"{Path}.{name}", default);
            if (Value.ValueKind != JsonValueKind.Object) throw Bad("should be an object: download the file again");
            return new JsonPlace(File, $"{Path}.{name}", Value.TryGetProperty(name, out JsonElement member) ? member : default);
        }
    }

    /// <summary>The items of an array; none when it is missing.</summary>
    public IEnumerable<JsonPlace> Items()
    {
        if (!Exists) yield break;
        if (Value.ValueKind != JsonValueKind.Array) throw Bad("should be an array: download the file again");
        int i = 0;
        foreach (JsonElement item in Value.EnumerateArray()) yield return new JsonPlace(File, $"{Path}[{i++}]", item);
    }

    /// <summary>The items of an array that must be there.</summary>
    public IEnumerable<JsonPlace> NeededItems() => Exists ? Items() : throw Bad("is missing: download the file again");

    /// <summary>How many members an object has.</summary>
    public int Count() => !Exists ? 0 : Value.ValueKind == JsonValueKind.Object ? Value.GetPropertyCount() : throw Bad("should be an object: download the file again");

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, JsonPlace Value)> Members()
    {
        if (!Exists) yield break;
        if (Value.ValueKind != JsonValueKind.Object) throw Bad("should be an object: download the file again");
        foreach (JsonProperty member in Value.EnumerateObject())
            yield return (member.Name, new JsonPlace(File, $"{Path}[{member.Name}]", member.Value));
    }

    /// <summary>The text here; refuses anything else.</summary>
    public string Text() => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Bad("should be a string: download the file again");

    /// <summary>The text here, or a default when there is none.</summary>
    public string TextOr(string otherwise) => Exists ? Text() : otherwise;

    /// <summary>The whole number here; refuses anything else.</summary>
    public int Integer() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int number) ? number : throw Bad("should be a whole number below 2^31: download the file again");

    /// <summary>The flag here, or a default when there is none.</summary>
    public bool FlagOr(bool otherwise) => !Exists ? otherwise
        : Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Bad("should be true or false: download the file again");

    /// <summary>The flag here; refuses anything else, and none.</summary>
    public bool Flag() => Exists ? FlagOr(false) : throw Bad("should be true or false: download the file again");

    /// <summary>Whether the member stands in the file, be it null.</summary>
    public bool Given => Value.ValueKind != JsonValueKind.Undefined;

    /// <summary>An error about this place.</summary>
    public LabException Bad(string what) => new($"{File}: {(Path.Length == 0 ? "the file" : Path.TrimStart('.'))} {what}.");
}
