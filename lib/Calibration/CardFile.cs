using System.Text.Encodings.Web;
using System.Text.Json;

namespace HeadKvLab.Calibration;

/// <summary>What a table was measured on, <c>FILE.card.json</c> beside it: the tables' own forms have no place for it.</summary>
public static class CardFile
{
    private static readonly JsonSerializerOptions Form = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the card of a table.</summary>
    /// <param name="path">The table, not the card.</param>
    /// <param name="card">The card.</param>
    public static void Write<T>(string path, T card) => File.WriteAllText(PathOf(path), JsonSerializer.Serialize(card, Form) + "\n");

    /// <summary>Reads the card of a table; null where there is none, as with others' files.</summary>
    /// <param name="path">The table, not the card.</param>
    /// <exception cref="LabException">The card is broken.</exception>
    public static T? Read<T>(string path) where T : class
    {
        if (!File.Exists(PathOf(path))) return null;
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(PathOf(path)), Form);
        }
        catch (JsonException error)
        {
            throw new LabException($"{PathOf(path)}: {error.Message} Delete the card or measure the table again.", error);
        }
    }

    /// <summary>Refuses a table whose card names another model.</summary>
    /// <param name="path">The table.</param>
    /// <param name="weights">Names the model's weights, asked for only where a card names those that were measured; null: cards are not looked at.</param>
    /// <param name="command">Measures such a table.</param>
    /// <exception cref="LabException">It is another model's, or the card is broken.</exception>
    internal static void RequireModel(string path, Func<string>? weights, string command)
    {
        if (weights is not null && Read<Measured>(path) is { ModelHash: { Length: > 0 } measured } && measured != weights())
            throw new LabException($"{path}: its card says that it was measured on model {measured}, this model is {weights()} (both are the first digits of the weights' SHA-256): "
                + $"measure this model's with `{command}`; to use another model's all the same, remove the card beside the file");
    }

    private static string PathOf(string table) => table + ".card.json";

    /// <summary>What all cards have.</summary>
    private sealed record Measured(string? ModelHash);
}

/// <summary>What a profile was measured on.</summary>
/// <param name="ModelHash">SHA-256 of the model's weights.</param>
/// <param name="Measured">What was measured.</param>
/// <param name="Texts">Where the prompts are from.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="Shortest">Tokens of the shortest prompt.</param>
/// <param name="Longest">Tokens of the longest prompt.</param>
/// <param name="Seed">Seed of everything drawn.</param>
/// <param name="Program">Version and commit of the program.</param>
public sealed record ProfileCard(string ModelHash, string Measured, string Texts, int Prompts, int Shortest, int Longest, long Seed, string Program)
{
    /// <summary>The card of prompts that this program measures.</summary>
    /// <param name="modelHash">The model.</param>
    /// <param name="measured">What is measured.</param>
    /// <param name="texts">The prompts.</param>
    public static ProfileCard Of(string modelHash, string measured, CalibrationTexts texts) => new(modelHash, measured, texts.Source, texts.Prompts.Count,
        texts.Prompts.Min(p => p.Length), texts.Prompts.Max(p => p.Length), texts.Seed, $"{ProgramBuild.Current.Version}+{ProgramBuild.Current.Commit}");
}
