using System.Runtime.InteropServices;
using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// Projections into latent vectors as a file, <c>latent.json</c>: <c>{"latent": [{"first": 1, "layers": 2, "mean": "...", "basis": "...", "explained": [...]}, ...], ...}</c>, the
/// numbers of a group as float32, little-endian, in base64: mean <c>[width]</c>, basis <c>[rank, width]</c>; then the model's sizes. Which model and texts they are of stands in the
/// card beside it.
/// </summary>
public static class LatentFile
{
    private static readonly JsonSerializerOptions Form = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true };

    /// <summary>Whether a file is such a one: an object that begins with <c>latent</c>.</summary>
    public static bool IsOne(string path)
    {
        var text = FileStart.Of(path).TrimStart();
        return text.StartsWith('{') && text.AsSpan(1).TrimStart().StartsWith("\"latent\"");
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <param name="kvHeads">KV heads of a layer of that model; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing or broken, or it is another model's.</exception>
    public static LatentTable Read(string path, int? layers = null, int? kvHeads = null)
    {
        using var json = HeadScoreFile.Parse(path);
        try
        {
            var page = json.RootElement.Deserialize<Page>(Form) ?? throw new LabException("it holds null");
            if ((layers ?? page.Layers, kvHeads ?? page.KvHeads) != (page.Layers, page.KvHeads))
                throw new LabException($"is of {page.Layers} layers of {page.KvHeads} KV heads, the model has {layers} of {kvHeads}: the file is another model's");
            return new(new(page.Layers, page.KvHeads, page.HeadDim, [.. page.Latent.Select(one => new LatentGroup(one.First, one.Layers, Numbers(one.Mean), Numbers(one.Basis)) { Explained = one.Explained })]), page.Tokens) { Source = path };
        }
        catch (Exception error) when (error is LabException or JsonException or FormatException)
        {
            throw new LabException($"{path}: {error.Message}; measure it again with `lab heads latent`", error);
        }
    }

    /// <summary>Writes a file, and the card beside it.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="table">The projections.</param>
    /// <param name="card">What they were measured on; null writes none.</param>
    public static void Write(string path, LatentTable table, ProfileCard? card = null)
    {
        var page = new Page([.. table.Basis.Groups.Select(group => new Part(group.First, group.Layers, Text(group.Mean), Text(group.Basis), [.. group.Explained.Select(share => Math.Round(share, 6))]))],
            table.Layers, table.Basis.KvHeads, table.Basis.HeadDim, table.Tokens);
        File.WriteAllText(path, JsonSerializer.Serialize(page, Form) + "\n");
        if (card is not null) CardFile.Write(path, card);
    }

    private static float[] Numbers(string text)
    {
        var bytes = Convert.FromBase64String(text);
        return bytes.Length % sizeof(float) == 0 ? MemoryMarshal.Cast<byte, float>(bytes).ToArray() : throw new LabException($"{bytes.Length} bytes are no float32 numbers");
    }

    private static string Text(float[] numbers) => Convert.ToBase64String(MemoryMarshal.AsBytes<float>(numbers));

    private sealed record Page(IReadOnlyList<Part> Latent, int Layers, int KvHeads, int HeadDim, int Tokens);

    private sealed record Part(int First, int Layers, string Mean, string Basis, IReadOnlyList<double> Explained);
}
