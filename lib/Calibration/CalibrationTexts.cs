using HeadKvLab.Text;

namespace HeadKvLab.Calibration;

/// <summary>Prompts that a profile is measured on, as token ids.</summary>
/// <param name="Source">Where they are from, in the words of a card.</param>
/// <param name="Seed">Seed of what was drawn.</param>
/// <param name="Prompts">The prompts, <c>[prompt][token]</c>.</param>
public sealed record CalibrationTexts(string Source, long Seed, IReadOnlyList<int[]> Prompts)
{
    /// <summary>The prompts.</summary>
    public IReadOnlyList<int[]> Prompts { get; } = Prompts.Count > 0 && Prompts.All(p => p.Length > 0) ? Prompts
        : throw new LabException("calibration texts: give at least one prompt, and none without tokens");

    /// <summary>Lengths evenly from the shortest to the longest.</summary>
    /// <exception cref="LabException">There is no such row of lengths.</exception>
    public static int[] Lengths(int count, int shortest, int longest) => count < 1 || shortest < 2 || longest < shortest
        ? throw new LabException($"{count} prompts of {shortest} to {longest} tokens: give --prompts of 1 or more, --shortest of 2 or more, and --longest not below it")
        : [.. Enumerable.Range(0, count).Select(i => count == 1 ? longest : (int)Math.Round(shortest + (longest - shortest) * (double)i / (count - 1)))];

    /// <summary>Whole texts as prompts.</summary>
    /// <param name="source">Where they are from.</param>
    /// <param name="seed">Seed they were drawn with.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="tokenizer">The model's tokenizer, which puts its begin-of-text mark before each.</param>
    public static CalibrationTexts Of(string source, long seed, IEnumerable<string> texts, TextTokenizer tokenizer) => new(source, seed, [.. texts.Select(text => tokenizer.Encode(text))]);

    /// <summary>Cuts prompts out of one long text, each at a place of its own drawn with the seed.</summary>
    /// <param name="path">The file, UTF-8.</param>
    /// <param name="seed">Seed of the places.</param>
    /// <param name="lengths">Tokens of each prompt.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <exception cref="LabException">The file cannot be read, or is shorter than a prompt.</exception>
    public static CalibrationTexts Cut(string path, int seed, IReadOnlyList<int> lengths, TextTokenizer tokenizer)
    {
        int[] marks = tokenizer.Encode(""), ids;
        try
        {
            ids = tokenizer.Encode(File.ReadAllText(path), addSpecial: false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {error.Message}", error);
        }
        var longest = lengths.Max() - marks.Length;
        if (longest < 1 || longest > ids.Length) throw new LabException($"{path}: has {ids.Length} tokens, a prompt of {lengths.Max()} does not fit: give a longer text or a smaller --longest");
        var random = new Random(seed);
        return new(Path.GetFileName(path), seed, [.. lengths.Select(length => ((int[])[.. marks, .. ids.AsSpan(random.Next(ids.Length - length + marks.Length + 1))])[..length])]);
    }
}
