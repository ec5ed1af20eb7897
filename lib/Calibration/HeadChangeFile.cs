using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HeadKvLab.Calibration;

/// <summary>
/// Head change as a file, <c>change.json</c>: one JSON object, <c>{"layer-0": [0.3, ...], ..., "0-0": [0.7, ...], ...}</c>, first a key for every layer, then one for every
/// "layer-queryHead", a number for every prompt. Which model and prompts they are of stands in the card beside it.
/// </summary>
public static class HeadChangeFile
{
    private const string LayerKey = "layer-";

    /// <summary>Whether a file is one: an object that begins with a layer.</summary>
    public static bool IsOne(string path)
    {
        var text = FileStart.Of(path).TrimStart();
        return text.StartsWith('{') && text.AsSpan(1).TrimStart().StartsWith($"\"{LayerKey}");
    }

    /// <summary>Writes a file, six digits of each number, a line for each key; and the card beside it.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="changes">What was measured.</param>
    /// <param name="card">What it was measured on; null writes none.</param>
    public static void Write(string path, HeadChanges changes, ProfileCard? card = null)
    {
        var heads = changes.Heads[0].Length / changes.Layers;
        var lines = Enumerable.Range(0, changes.Layers).Select(l => Line($"{LayerKey}{l}", changes.Stream, l))
            .Concat(Enumerable.Range(0, changes.Heads[0].Length).Select(i => Line($"{i / heads}-{i % heads}", changes.Heads, i)));
        File.WriteAllText(path, new StringBuilder("{").AppendJoin(",\n", lines).Append("}\n").ToString());
        if (card is not null) CardFile.Write(path, card);

        static string Line(string key, IReadOnlyList<double[]> samples, int i) => $"\"{key}\": [{string.Join(", ", samples.Select(sample => sample[i].ToString("G6", CultureInfo.InvariantCulture)))}]";
    }

    /// <summary>Reads a file. Keys are read by what they say, not by their order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <param name="queryHeads">Query heads of a layer of that model; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing, broken or incomplete, holds impossible numbers, or is another model's.</exception>
    public static HeadChanges Read(string path, int? layers = null, int? queryHeads = null)
    {
        var (ofLayers, ofHeads) = Lists(path);
        if (ofLayers.Count == 0 || ofHeads.Count == 0) throw new LabException($"{path}: must hold a list for every layer, \"layer-0\", and for every query head, \"0-0\"");
        var (fileLayers, fileHeads) = (ofHeads.Keys.Max(k => k.Layer) + 1, ofHeads.Keys.Max(k => k.Head) + 1);
        if ((layers ?? fileLayers) != fileLayers || (queryHeads ?? fileHeads) != fileHeads)
            throw new LabException($"{path}: has the change of {fileLayers} layers of {fileHeads} query heads, the model has {layers ?? fileLayers} of {queryHeads ?? fileHeads}: "
                + "the file is another model's; measure this model's with `lab heads change`");
        var prompts = ofHeads.Values.First().Length;
        double[][] stream = [.. Enumerable.Range(0, fileLayers).Select(l => Of(ofLayers, l, $"{LayerKey}{l}"))];
        double[][] heads = [.. Enumerable.Range(0, fileLayers * fileHeads).Select(i => Of(ofHeads, (i / fileHeads, i % fileHeads), $"{i / fileHeads}-{i % fileHeads}"))];
        return new(fileLayers, Prompts(heads), Prompts(stream));

        double[] Of<T>(Dictionary<T, double[]> lists, T key, string name) where T : notnull =>
            !lists.TryGetValue(key, out var list) ? throw new LabException($"{path}: {name} is missing: {fileLayers} layers of {fileHeads} query heads are expected")
            : list.Length != prompts ? throw new LabException($"{path}: {name} has {list.Length} numbers, others have {prompts}: each has one for every prompt")
            : list;

        double[][] Prompts(double[][] lists) => [.. Enumerable.Range(0, prompts).Select(p => Array.ConvertAll(lists, list => list[p]))];
    }

    private static (Dictionary<int, double[]> Layers, Dictionary<(int Layer, int Head), double[]> Heads) Lists(string path)
    {
        var (layers, heads) = (new Dictionary<int, double[]>(), new Dictionary<(int, int), double[]>());
        using var json = HeadScoreFile.Parse(path);
        if (json.RootElement.ValueKind != JsonValueKind.Object)
            throw new LabException($"{path}: must hold one JSON object, {{\"layer-0\": [numbers], ..., \"0-0\": [numbers], ...}}");
        foreach (var property in json.RootElement.EnumerateObject())
        {
            var added = property.Name.StartsWith(LayerKey, StringComparison.Ordinal) && int.TryParse(property.Name.AsSpan(LayerKey.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var layer)
                ? layers.TryAdd(layer, Numbers(path, property)) : heads.TryAdd(HeadScoreFile.ParseKey(path, property.Name), Numbers(path, property));
            if (!added) throw new LabException($"{path}: {property.Name} appears twice");
        }
        return (layers, heads);
    }

    private static double[] Numbers(string path, JsonProperty property) => property.Value.ValueKind != JsonValueKind.Array || property.Value.GetArrayLength() == 0
        ? throw new LabException($"{path}: {property.Name} must have a list with a number for every prompt")
        : [.. property.Value.EnumerateArray().Select((value, i) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number is >= 0 and <= 2 ? number
            : throw new LabException($"{path}: {property.Name}, prompt {i}: {value.GetRawText()} is no change: one minus a cosine is a number from 0 to 2"))];
}
