using System.Globalization;
using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// DuoAttention's gates as its authors publish them: <c>full_attention_heads.tsv</c>, a line for each layer, a number for each KV head, separated by tabs.
/// Training leaves some slightly outside of 0 to 1; they are clipped, as the authors' program does.
/// </summary>
public static class GateFile
{
    /// <summary>Whether a path names such a file, by its ending.</summary>
    public static bool IsOne(string path) => path.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <param name="kvHeads">KV heads of a layer of that model; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing, broken, has lines of unequal length, all gates are zero, or it is another model's.</exception>
    public static HeadImportance Read(string path, int? layers = null, int? kvHeads = null)
    {
        var rows = Lines(path).Select((line, i) => Row(path, line, i + 1)).ToArray();
        if (rows.Length == 0) throw new LabException($"{path}: holds no gates; a line for each layer is expected");
        if (Array.FindIndex(rows, row => row.Length != rows[0].Length) is > 0 and var odd)
            throw new LabException($"{path}: line {odd + 1} has {rows[odd].Length} gates, line 1 has {rows[0].Length}: every layer has one for each KV head");
        if ((layers ?? rows.Length) != rows.Length || (kvHeads ?? rows[0].Length) != rows[0].Length)
            throw new LabException($"{path}: has gates of {rows.Length} layers of {rows[0].Length} KV heads, the model has {layers ?? rows.Length} of {kvHeads ?? rows[0].Length}: the file is another model's");
        double[] gates = [.. rows.SelectMany(row => row)];
        return gates.Any(gate => gate > 0) ? new(rows.Length, rows[0].Length, gates) { Source = path }
            : throw new LabException($"{path}: all gates are zero, so that no head is more important than another");
    }

    private static string[] Lines(string path)
    {
        try
        {
            return [.. File.ReadAllText(path).TrimEnd().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    private static double[] Row(string path, string line, int number) => [.. line.Split('\t').Select((text, i) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var gate) && double.IsFinite(gate) ? Math.Clamp(gate, 0, 1)
        : throw new LabException($"{path}: line {number}, KV head {i}: '{text}' is no gate: gates are numbers from 0 to 1, separated by tabs"))];
}
