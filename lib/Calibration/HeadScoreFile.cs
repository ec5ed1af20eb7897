using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HeadKvLab.Calibration;

/// <summary>
/// Head-score files of the authors' format: one JSON object, <c>{"0-0": [0.1, 0.0, ...], "0-1": [...], ...}</c>, a key for every
/// "layer-queryHead", a number for every passed test. Keys are read by what they say, not by their order.
/// What the format has no place for (model, protocol) stands in a card beside it, <see cref="CardFile"/>.
/// </summary>
public static class HeadScoreFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <param name="queryHeads">Query heads of a layer of that model; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing, broken, incomplete, holds impossible numbers, or is another model's.</exception>
    public static HeadScores Read(string path, int? layers = null, int? queryHeads = null)
    {
        var lists = ReadLists(path);
        var fileLayers = lists.Keys.Max(k => k.Layer) + 1;
        var fileHeads = lists.Keys.Max(k => k.Head) + 1;
        RequireComplete(path, lists, fileLayers, fileHeads);
        if ((layers ?? fileLayers) != fileLayers || (queryHeads ?? fileHeads) != fileHeads)
            throw new LabException($"{path}: scores {fileLayers} layers of {fileHeads} query heads, the model has {layers ?? fileLayers} of {queryHeads ?? fileHeads}: "
                + "the file is another model's; compute this model's with `lab heads score`");

        var tests = lists[(0, 0)].Length;
        var scores = new HeadScores(fileLayers, fileHeads);
        var column = new double[fileLayers * fileHeads];
        var any = false;
        for (var test = 0; test < tests; test++)
        {
            foreach (var ((layer, head), list) in lists)
            {
                column[layer * fileHeads + head] = list[test];
                any |= list[test] > 0;
            }
            scores.Add(column);
        }
        if (!any) throw new LabException($"{path}: all scores are zero, so that no head is more important than another; score the heads on prompts the model answers");
        return scores;
    }

    /// <summary>Writes a file as the authors' programs do: one line, heads in order, no newline at the end; and its card beside it.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="scores">Scores.</param>
    /// <param name="card">What the scores were measured on; null writes none.</param>
    public static void Write(string path, HeadScores scores, HeadScoreCard? card = null)
    {
        var text = new StringBuilder("{");
        for (var i = 0; i < scores.Layers * scores.QueryHeads; i++)
        {
            if (i > 0) text.Append(", ");
            text.Append(CultureInfo.InvariantCulture, $"\"{i / scores.QueryHeads}-{i % scores.QueryHeads}\": [");
            text.AppendJoin(", ", scores.Row(i).Select(s => s.ToString("R", CultureInfo.InvariantCulture))).Append(']');
        }
        File.WriteAllText(path, text.Append('}').ToString());
        if (card is not null) CardFile.Write(path, card);
    }

    /// <summary>Reads the card beside a file; null when there is none, as with the authors' files.</summary>
    /// <param name="path">The score file, not the card.</param>
    public static HeadScoreCard? ReadCard(string path) => CardFile.Read<HeadScoreCard>(path);

    private static Dictionary<(int Layer, int Head), double[]> ReadLists(string path)
    {
        var lists = new Dictionary<(int, int), double[]>();
        using var document = Parse(path);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new LabException($"{path}: must hold one JSON object, {{\"layer-head\": [scores], ...}}");
        foreach (var property in document.RootElement.EnumerateObject())
        {
            var key = ParseKey(path, property.Name);
            if (!lists.TryAdd(key, ParseList(path, property))) throw new LabException($"{path}: head {property.Name} appears twice");
        }
        if (lists.Count == 0) throw new LabException($"{path}: scores no head");
        return lists;
    }

    /// <summary>The JSON of a file.</summary>
    /// <exception cref="LabException">The file is missing or broken.</exception>
    internal static JsonDocument Parse(string path)
    {
        var text = "";
        try
        {
            text = File.ReadAllText(path);
            return JsonDocument.Parse(text);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {error.Message}", error);
        }
        catch (JsonException error)
        {
            var cause = text.Contains("NaN", StringComparison.Ordinal) || text.Contains("Infinity", StringComparison.Ordinal)
                ? "it holds NaN or Infinity, which no measurement gives; " : "";
            throw new LabException($"{path}: broken JSON at line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}: {cause}{error.Message}", error);
        }
    }

    /// <summary>The head that a key names, "layer-head".</summary>
    /// <exception cref="LabException">It names none.</exception>
    internal static (int Layer, int Head) ParseKey(string path, string key)
    {
        var dash = key.IndexOf('-');
        if (dash > 0
            && int.TryParse(key.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var layer)
            && int.TryParse(key.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var head)
            && layer < 10_000 && head < 10_000)
            return (layer, head);
        throw new LabException($"{path}: '{key}' does not name a head: keys are \"layer-head\", both counted from 0, for example \"15-30\"");
    }

    private static double[] ParseList(string path, JsonProperty property)
    {
        if (property.Value.ValueKind != JsonValueKind.Array || property.Value.GetArrayLength() == 0)
            throw new LabException($"{path}: head {property.Name} must have a list with a score for every passed test");
        var list = new double[property.Value.GetArrayLength()];
        for (var test = 0; test < list.Length; test++)
        {
            var value = property.Value[test];
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out list[test]) || !double.IsFinite(list[test]) || list[test] < 0)
                throw new LabException($"{path}: head {property.Name}, test {test}: {value.GetRawText()} is no score: scores are finite numbers of 0 or more");
        }
        return list;
    }

    private static void RequireComplete(string path, Dictionary<(int Layer, int Head), double[]> lists, int layers, int heads)
    {
        for (var layer = 0; layer < layers; layer++)
            for (var head = 0; head < heads; head++)
            {
                if (!lists.TryGetValue((layer, head), out var list))
                    throw new LabException($"{path}: head {layer}-{head} is missing; the file names {lists.Count} heads, {layers} layers of {heads} make {layers * heads}");
                if (list.Length != lists[(0, 0)].Length)
                    throw new LabException($"{path}: head {layer}-{head} has {list.Length} scores, head 0-0 has {lists[(0, 0)].Length}: every head has one for every test");
            }
    }
}
