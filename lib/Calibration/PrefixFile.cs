using System.Globalization;
using System.Text;
using System.Text.Json;
using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// PrefixKV's shares as a file: the lab's <c>prefix.json</c>, <c>{"curves": [[0, ...], ...]}</c> with a list of 513 points for each layer, or a file of the authors
/// (THU-MIG/PrefixKV <c>confs/</c>), a list of the share that each layer drops at one ratio.
/// </summary>
public static class PrefixFile
{
    /// <summary>Whether a file is of either form: a list, or an object with curves.</summary>
    public static bool IsOne(string path)
    {
        var text = FileStart.Of(path).TrimStart();
        return text.StartsWith('[') || text.StartsWith('{') && text.AsSpan(1).TrimStart().StartsWith("\"curves\"");
    }

    /// <summary>Reads a file of either form.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing or broken, or it is another model's.</exception>
    public static LayerShares Read(string path, int? layers = null)
    {
        using var json = HeadScoreFile.Parse(path);
        var shares = Of(path, json.RootElement);
        return (layers ?? shares.Layers) == shares.Layers ? shares
            : throw new LabException($"{path}: has shares of {shares.Layers} layers, the model has {layers}: the file is another model's; measure this model's with `lab heads prefix`");
    }

    /// <summary>Writes curves, five digits of each number, a line for each layer; and the card beside them.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="curves">The curves.</param>
    /// <param name="card">What they were measured on; null writes none.</param>
    public static void Write(string path, PrefixCurves curves, ProfileCard? card = null)
    {
        var text = new StringBuilder("{\"curves\": [");
        for (var layer = 0; layer < curves.Layers; layer++)
            text.Append(layer == 0 ? "\n[" : ",\n[").AppendJoin(",", curves[layer].ToArray().Select(share => share.ToString("G5", CultureInfo.InvariantCulture))).Append(']');
        File.WriteAllText(path, text.Append("\n]}\n").ToString());
        if (card is not null) CardFile.Write(path, card);
    }

    private static LayerShares Of(string path, JsonElement root)
    {
        if (root.ValueKind == JsonValueKind.Array)
        {
            var dropped = Numbers(path, "layer", root);
            var odd = Array.FindIndex(dropped, share => share is not (>= 0 and <= 1));
            return odd < 0 && dropped.Length > 0 ? new DroppedShares(dropped) { Source = path }
                : throw new LabException(odd < 0 ? $"{path}: the list is empty; the share that each layer drops is expected"
                    : FormattableString.Invariant($"{path}: layer {odd} drops {dropped[odd]}: shares are numbers from 0 to 1"));
        }
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("curves", out var curves) || curves.ValueKind != JsonValueKind.Array)
            throw new LabException($"{path}: must hold {{\"curves\": [a list of {PrefixCurves.Steps + 1} numbers for each layer]}}, or the list of the authors, a number for each layer");
        try
        {
            return new PrefixCurves([.. curves.EnumerateArray().Select((curve, layer) => Numbers(path, $"layer {layer}, point", curve))]) { Source = path };
        }
        catch (LabException error) when (!error.Message.StartsWith(path, StringComparison.Ordinal))
        {
            throw new LabException($"{path}: {error.Message}; measure it again with `lab heads prefix`", error);
        }
    }

    private static double[] Numbers(string path, string place, JsonElement list) => list.ValueKind != JsonValueKind.Array ? throw new LabException($"{path}: {place}: a list of numbers is expected")
        : [.. list.EnumerateArray().Select((value, i) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number
            : throw new LabException($"{path}: {place} {i}: {value.GetRawText()} is no share: shares are numbers from 0 to 1"))];
}
