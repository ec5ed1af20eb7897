using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadKvLab.Compression;

/// <summary>Settings as a JSON object in their order: numbers as numbers, everything else as text.</summary>
internal sealed class SettingsJson : JsonConverter<Settings>
{
    public override Settings Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        using var json = JsonDocument.ParseValue(ref reader);
        if (json.RootElement.ValueKind != JsonValueKind.Object) throw new JsonException("settings are an object of names and values");
        try
        {
            return new([.. json.RootElement.EnumerateObject().Select(one => (one.Name, (object)one.Value))]);
        }
        catch (LabException e)
        {
            throw new JsonException(e.Message, e);      // the reader of the file adds its name and the place
        }
    }

    public override void Write(Utf8JsonWriter writer, Settings settings, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, value) in settings)
        {
            writer.WritePropertyName(name);
            if (IsNumber(value)) writer.WriteRawValue(value);
            else writer.WriteStringValue(value);
        }
        writer.WriteEndObject();
    }

    /// <summary>Whether a number would be written like this: a hash that only looks like one stays text.</summary>
    private static bool IsNumber(string text) => double.TryParse(text, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) && number.ToString(CultureInfo.InvariantCulture) == text;
}
