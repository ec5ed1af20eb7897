using System.Globalization;
using System.Text;
using System.Text.Json;
using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// Vectors of query heads as a file: <c>{"filters": {"0-0": [0.1, ...], "0-1": [...], ...}}</c>, a key for every "layer-queryHead" and as many numbers for each. The first word tells
/// what they are. Which model and prompts they are of stands in the card beside it.
/// </summary>
public static class HeadVectorFile
{
    /// <summary>Whether a file is one of some kind.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">The kind, whose name is the first word.</param>
    public static bool IsOne(string path, TableKind<HeadVectors> kind)
    {
        var text = FileStart.Of(path).TrimStart();
        return text.StartsWith('{') && text.AsSpan(1).TrimStart().StartsWith($"\"{kind.Name}\"");
    }

    /// <summary>Writes a file, six digits of each number, a line for each head; and the card beside it.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="table">The vectors.</param>
    /// <param name="card">What they were measured on; null writes none.</param>
    public static void Write(string path, TableKind<HeadVectors> kind, HeadVectors table, ProfileCard? card = null)
    {
        var text = new StringBuilder($"{{\"{kind.Name}\": {{");
        for (var i = 0; i < table.Layers * table.QueryHeads; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : ",")}\n\"{i / table.QueryHeads}-{i % table.QueryHeads}\": [");
            foreach (var number in table.Of(i / table.QueryHeads, i % table.QueryHeads, 1, table.Width)) text.Append(number.ToString("G6", CultureInfo.InvariantCulture)).Append(", ");
            text.Length -= 2;
            text.Append(']');
        }
        File.WriteAllText(path, text.Append("\n}}\n").ToString());
        if (card is not null) CardFile.Write(path, card);
    }

    /// <summary>Reads a file. Keys are read by what they say, not by their order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <param name="queryHeads">Query heads of a layer of that model; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing, broken or incomplete, or is another model's.</exception>
    public static HeadVectors Read(string path, TableKind<HeadVectors> kind, int? layers = null, int? queryHeads = null)
    {
        var heads = new Dictionary<(int Layer, int Head), float[]>();
        using var json = HeadScoreFile.Parse(path);
        if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty(kind.Name, out var root)
            || root.ValueKind != JsonValueKind.Object || !root.EnumerateObject().Any())
            throw new LabException($"{path}: must hold {{\"{kind.Name}\": {{\"0-0\": [numbers], ...}}}}, a list for every layer and query head");
        foreach (var property in root.EnumerateObject())
            if (!heads.TryAdd(HeadScoreFile.ParseKey(path, property.Name), Numbers(path, property))) throw new LabException($"{path}: {property.Name} appears twice");
        var (fileLayers, fileHeads, width) = (heads.Keys.Max(key => key.Layer) + 1, heads.Keys.Max(key => key.Head) + 1, heads.Values.First().Length);
        if ((layers ?? fileLayers) != fileLayers || (queryHeads ?? fileHeads) != fileHeads)
            throw new LabException($"{path}: has {kind.Holds} for {fileLayers} layers of {fileHeads} query heads, "
                + $"the model has {layers ?? fileLayers} of {queryHeads ?? fileHeads}: the file is another model's; {kind.Cure}");
        return new(fileLayers, fileHeads, [.. Enumerable.Range(0, fileLayers * fileHeads).SelectMany(Vector)]) { Source = path };

        float[] Vector(int i) =>
            !heads.TryGetValue((i / fileHeads, i % fileHeads), out var numbers)
                ? throw new LabException($"{path}: {i / fileHeads}-{i % fileHeads} is missing: {fileLayers} layers of {fileHeads} query heads are expected")
            : numbers.Length != width ? throw new LabException($"{path}: {i / fileHeads}-{i % fileHeads} has {numbers.Length} numbers, the first head has {width}: each has as many")
            : numbers;
    }

    private static float[] Numbers(string path, JsonProperty property) => property.Value.ValueKind != JsonValueKind.Array || property.Value.GetArrayLength() == 0
        ? throw new LabException($"{path}: {property.Name} must have a list of numbers")
        : [.. property.Value.EnumerateArray().Select((value, i) => value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out var number) && float.IsFinite(number) ? number
            : throw new LabException($"{path}: {property.Name}, number {i}: {value.GetRawText()} is no number"))];
}
