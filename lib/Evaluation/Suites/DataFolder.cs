using System.Text.Json;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>Files of a downloaded benchmark, wherever the official layouts put them below the folder.</summary>
/// <param name="Path">What the user gave with --data.</param>
public sealed record DataFolder(string Path)
{
    private static readonly string[] Places = ["", "data", "config", "LongBench", "LongBench/data", "LongBench/config", "LooGLE-testdata", "prompts"];

    /// <summary>Full path of a file, or null.</summary>
    public string? Find(string name) => Places.Select(place => System.IO.Path.Combine(Path, place, name)).FirstOrDefault(File.Exists);

    /// <summary>Full path of a file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="source">Where users get it.</param>
    /// <exception cref="LabException">It is not there.</exception>
    public string Need(string name, string source) => Find(name) ?? throw new LabException($"{Path}: no {name} here or in its folders {string.Join(", ", Places.Skip(1))}; {source}");

    /// <summary>A JSON object of strings or numbers, by name.</summary>
    /// <exception cref="LabException">The file is broken.</exception>
    public static Dictionary<string, JsonElement> Table(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(File.ReadAllText(path)) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new LabException($"{path}: not a JSON object ({e.Message}); get the official file again", e);
        }
    }
}
