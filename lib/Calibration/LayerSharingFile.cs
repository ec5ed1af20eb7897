using System.Text.Encodings.Web;
using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// A layer map as a file, <c>share.json</c>: <c>{"share": [0, 1, 2, 3, 4, 1], ...}</c>, the layer that each layer reads, then how it was searched, and each pair that was tried
/// with its distances and its cosine.
/// </summary>
public static class LayerSharingFile
{
    private static readonly JsonSerializerOptions Form = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true };

    /// <summary>Whether a file is such a one: an object that begins with <c>share</c>.</summary>
    public static bool IsOne(string path)
    {
        var text = FileStart.Of(path).TrimStart();
        return text.StartsWith('{') && text.AsSpan(1).TrimStart().StartsWith("\"share\"");
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Layers of the model it is meant for; null to take what the file has.</param>
    /// <exception cref="LabException">The file is missing or broken, or it is another model's.</exception>
    public static LayerSharing Read(string path, int? layers = null)
    {
        using var json = HeadScoreFile.Parse(path);
        try
        {
            var page = json.RootElement.Deserialize<Page>(Form) ?? throw new LabException("it holds null");
            if ((layers ?? page.Share.Count) != page.Share.Count) throw new LabException($"has {page.Share.Count} layers, the model has {layers}: the file is another model's");
            return new(page.Share.Count, new LayerMap(page.Share), Names<SharingOrder>.Parse(page.Order, "order"), page.Seed, page.Threshold, page.Texts, page.Dropped,
                [.. page.Tried.Select(one => new TriedPair(new(one.Layer, one.With, one.Distance, one.Normalised), one.Root, one.Cosine, one.Accepted))]) { Source = path };
        }
        catch (Exception error) when (error is LabException or JsonException)
        {
            throw new LabException($"{path}: {error.Message}; search it again with `lab heads share`", error);
        }
    }

    /// <summary>Writes a file, and the card beside it.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="sharing">The map and its search.</param>
    /// <param name="card">What it was measured on; null writes none.</param>
    public static void Write(string path, LayerSharing sharing, ProfileCard? card = null)
    {
        var page = new Page([.. Enumerable.Range(0, sharing.Layers).Select(sharing.Map.Root)], Names<SharingOrder>.Of(sharing.Order), sharing.Seed, sharing.Threshold, sharing.Texts, sharing.Dropped,
            [.. sharing.Tried.Select(one => new Line(one.Pair.Layer, one.Pair.With, one.Root, one.Pair.Distance, one.Pair.Normalised, one.Cosine, one.Accepted))]);
        File.WriteAllText(path, JsonSerializer.Serialize(page, Form) + "\n");
        if (card is not null) CardFile.Write(path, card);
    }

    private sealed record Page(IReadOnlyList<int> Share, string Order, int Seed, double Threshold, int Texts, int Dropped, IReadOnlyList<Line> Tried);

    private sealed record Line(int Layer, int With, int Root, double Distance, double Normalised, double Cosine, bool Accepted);
}
