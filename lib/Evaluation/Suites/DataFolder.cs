using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>Files of a downloaded benchmark, wherever the official layouts put them below the folder.</summary>
/// <param name="Path">What the user gave with --data.</param>
public sealed record DataFolder(string Path)
{
    private static readonly string[] Places = ["", "data", "config", "LongBench", "LongBench/data", "LongBench/config", "LooGLE-testdata", "LooGLE-testdata/data", "LooGLE", "LooGLE/config", "prompts"];

    /// <summary>Full path of a file, or null.</summary>
    public string? Find(string name) => Places.Select(place => System.IO.Path.Combine(Path, place, name)).FirstOrDefault(File.Exists);

    /// <summary>Full path of a file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="source">Where users get it.</param>
    /// <exception cref="LabException">It is not there.</exception>
    public string Need(string name, string source) => Find(name) ?? throw new LabException($"{Path}: no {name} here or in its folders {string.Join(", ", Places.Skip(1))}; {source}");

    /// <summary>A JSON object of texts by name, for example dataset2prompt.json.</summary>
    /// <exception cref="LabException">The file is broken, or a value is no text.</exception>
    public static Dictionary<string, string> Texts(string path) => Table(path, value => value.ValueKind == JsonValueKind.String ? value.GetString() : null, "a text");

    /// <summary>A JSON object of token counts by name, for example dataset2maxlen.json.</summary>
    /// <exception cref="LabException">The file is broken, or a value is no whole number above 0.</exception>
    public static Dictionary<string, int> Counts(string path) =>
        Table(path, value => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var whole) && whole > 0 ? (int?)whole : null, "a whole number above 0").ToDictionary(p => p.Key, p => p.Value!.Value);

    private static Dictionary<string, T> Table<T>(string path, Func<JsonElement, T?> read, string wanted) =>
        StrictJson.ReadFile(path, "get the official file").EnumerateObject().ToDictionary(p => p.Name, p => read(p.Value) ?? throw new LabException($"{path}: '{p.Name}' must be {wanted}; get the official file again"));
}
