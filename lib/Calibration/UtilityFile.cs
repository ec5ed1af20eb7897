using System.Globalization;
using System.Text;
using System.Text.Json;
using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// Shares of the heads as files: the lab's <c>utility.json</c>, <c>{"utility": {"0-0": [0.2, ...], ...}}</c> with 100 numbers for each "layer-kvHead", what 1 ... 100 % of the entries hold;
/// and LU-KV's removal curves, a <c>.npy</c> of shape [99, layers, KV heads].
/// </summary>
public static class UtilityFile
{
    private const string Name = "utility";

    /// <summary>Whether a file holds utility curves.</summary>
    public static bool IsOne(string path)
    {
        var text = FileStart.Of(path).TrimStart();
        return text.StartsWith('{') && text.AsSpan(1).TrimStart().StartsWith($"\"{Name}\"");
    }

    /// <summary>Whether a file is one of LU-KV's.</summary>
    public static bool IsRemoval(string path) => NumpyFile.IsOne(path);

    /// <summary>Writes curves, five digits of each number, a line for each head; and the card beside them.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="curves">The curves.</param>
    /// <param name="card">What they were measured on; null writes none.</param>
    public static void Write(string path, UtilityCurves curves, HeadScoreCard? card = null)
    {
        var text = new StringBuilder($"{{\"{Name}\": {{");
        for (var i = 0; i < curves.Layers * curves.Heads; i++)
            text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : ",")}\n\"{i / curves.Heads}-{i % curves.Heads}\": [")
                .AppendJoin(",", curves[i / curves.Heads, i % curves.Heads][1..].ToArray().Select(held => held.ToString("G5", CultureInfo.InvariantCulture))).Append(']');
        File.WriteAllText(path, text.Append("\n}}\n").ToString());
        if (card is not null) CardFile.Write(path, card);
    }

    /// <summary>Writes removal curves as LU-KV does; and the card beside them.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="curves">The curves.</param>
    /// <param name="card">What they were measured on; null writes none.</param>
    public static void Write(string path, RemovalCurves curves, HeadScoreCard? card = null)
    {
        NumpyFile.Write(path, [RemovalCurves.Rows, curves.Layers, curves.Heads], curves.Removed);
        if (card is not null) CardFile.Write(path, card);
    }

    /// <summary>Reads utility curves.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <param name="kvHeads">KV heads of a layer of that model; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing, broken or incomplete, or is another model's.</exception>
    public static UtilityCurves Read(string path, int? layers = null, int? kvHeads = null)
    {
        using var json = HeadScoreFile.Parse(path);
        if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty(Name, out var root) || root.ValueKind != JsonValueKind.Object || !root.EnumerateObject().Any())
            throw new LabException($"{path}: must hold {{\"{Name}\": {{\"0-0\": [{UtilityCurves.Steps} numbers], ...}}}}, a list for every layer and KV head");
        var curves = new Dictionary<(int Layer, int Head), double[]>();
        foreach (var property in root.EnumerateObject())
            if (!curves.TryAdd(HeadScoreFile.ParseKey(path, property.Name), Numbers(path, property))) throw new LabException($"{path}: {property.Name} appears twice");
        var (fileLayers, fileHeads) = (curves.Keys.Max(key => key.Layer) + 1, curves.Keys.Max(key => key.Head) + 1);
        RequireModel(path, fileLayers, fileHeads, layers, kvHeads);
        for (var i = 0; i < fileLayers * fileHeads; i++)
            if (!curves.ContainsKey((i / fileHeads, i % fileHeads))) throw new LabException($"{path}: {i / fileHeads}-{i % fileHeads} is missing: {fileLayers} layers of {fileHeads} KV heads are expected");
        return Told(path, () => new UtilityCurves(fileLayers, fileHeads, [.. curves.OrderBy(curve => curve.Key).SelectMany(curve => curve.Value.Prepend(0))]) { Source = path });
    }

    /// <summary>Reads removal curves of LU-KV; of more than 99 rows the first, as its own program does.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <param name="kvHeads">KV heads of a layer of that model; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing or broken, or is another model's.</exception>
    public static RemovalCurves ReadRemoval(string path, int? layers = null, int? kvHeads = null)
    {
        var (shape, numbers) = NumpyFile.Read(path);
        if (shape is not [>= RemovalCurves.Rows, var fileLayers, var fileHeads]) throw new LabException($"{path}: has shape ({string.Join(", ", shape)}); LU-KV's curves have ({RemovalCurves.Rows}, layers, KV heads)");
        RequireModel(path, fileLayers, fileHeads, layers, kvHeads);
        return Told(path, () => new RemovalCurves(fileLayers, fileHeads, numbers.AsSpan(0, RemovalCurves.Rows * fileLayers * fileHeads)) { Source = path });
    }

    private static void RequireModel(string path, int fileLayers, int fileHeads, int? layers, int? kvHeads)
    {
        if ((layers ?? fileLayers) != fileLayers || (kvHeads ?? fileHeads) != fileHeads)
            throw new LabException($"{path}: has curves of {fileLayers} layers of {fileHeads} KV heads, the model has {layers ?? fileLayers} of {kvHeads ?? fileHeads}: the file is another model's; measure this model's with `lab heads utility`");
    }

    private static T Told<T>(string path, Func<T> make)
    {
        try { return make(); }
        catch (LabException error) { throw new LabException($"{path}: {error.Message}; measure it again with `lab heads utility`", error); }
    }

    private static double[] Numbers(string path, JsonProperty property) => property.Value.ValueKind != JsonValueKind.Array || property.Value.GetArrayLength() != UtilityCurves.Steps
        ? throw new LabException($"{path}: {property.Name} must have a list of {UtilityCurves.Steps} numbers")
        : [.. property.Value.EnumerateArray().Select((value, i) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number
            : throw new LabException($"{path}: {property.Name}, number {i}: {value.GetRawText()} is no number"))];
}
