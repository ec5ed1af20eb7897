using System.Text.Json;

namespace HeadKvLab.Calibration;

/// <summary>A finished test: what passed adds its scores.</summary>
/// <param name="Test">Its number in the grid.</param>
/// <param name="Retrieval">Eq. 1 of every head; null when the test failed.</param>
/// <param name="Reasoning">Eq. 2 of every head; null when the test failed.</param>
internal sealed record ScoredTest(int Test, double[]? Retrieval, double[]? Reasoning);

/// <summary>
/// Finished tests in a file, a line each, flushed as they finish: a killed run goes on where it was. The first line says what was measured; a journal of
/// anything else is refused. A line that the kill cut off is dropped.
/// </summary>
internal sealed class ScoringJournal : IDisposable
{
    private readonly StreamWriter? _file;

    private ScoringJournal(IReadOnlyList<ScoredTest> finished, StreamWriter? file) => (Finished, _file) = (finished, file);

    /// <summary>What earlier runs finished, in order.</summary>
    public IReadOnlyList<ScoredTest> Finished { get; }

    /// <summary>Opens or starts a journal.</summary>
    /// <param name="path">The file; null keeps none.</param>
    /// <param name="about">One line that names everything the scores depend on.</param>
    /// <exception cref="LabException">The file is of another measurement.</exception>
    public static ScoringJournal Open(string? path, string about)
    {
        if (path is null) return new([], null);
        var finished = new List<ScoredTest>();
        if (File.Exists(path) && File.ReadAllLines(path) is [var first, .. var lines])
        {
            if (first != about) throw new LabException($"{path}: remembers another measurement ({first}); this one is {about}. Repeat that command, or delete the file.");
            foreach (var line in lines)
                if (Parse(line, finished.Count) is { } test) finished.Add(test);
                else break;
        }
        File.WriteAllLines(path, [about, .. finished.Select(test => JsonSerializer.Serialize(test))]);
        return new(finished, new StreamWriter(path, append: true) { AutoFlush = true });
    }

    /// <summary>Remembers a test.</summary>
    public void Add(ScoredTest test) => _file?.WriteLine(JsonSerializer.Serialize(test));

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file?.Dispose();

    private static ScoredTest? Parse(string line, int expected)
    {
        try
        {
            return JsonSerializer.Deserialize<ScoredTest>(line) is { } test && test.Test == expected ? test : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
