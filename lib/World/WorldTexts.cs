namespace HeadKvLab.World;

/// <summary>Documents of the world as texts: facts, filler, then questions with their answers. What profiles are measured on where no other text is given.</summary>
public static class WorldTexts
{
    /// <summary>Writes documents; the same arguments give the same texts.</summary>
    /// <param name="split">Training documents to measure a profile on, validation ones to choose settings.</param>
    /// <param name="lengths">Tokens of each document by the world's own tokenizer, begin-of-text mark included.</param>
    /// <param name="seed">Seed of the drawing.</param>
    public static IReadOnlyList<string> Make(WorldSplit split, IReadOnlyList<int> lengths, int seed)
    {
        var generator = new WorldGenerator();
        return [.. lengths.Select((length, index) => generator.Document(new WorldOptions { Tokens = length }, split, seed, index).Text)];
    }
}
