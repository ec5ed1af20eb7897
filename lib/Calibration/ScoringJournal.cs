using System.Text.Json;
using HeadKvLab.Storage;

namespace HeadKvLab.Calibration;

/// <summary>A finished test: what passed adds its scores.</summary>
/// <param name="Test">Its number in the grid.</param>
/// <param name="Retrieval">Eq. 1 of every head; null when the test failed.</param>
/// <param name="Reasoning">Eq. 2 of every head; null when the test failed.</param>
internal sealed record ScoredTest(int Test, double[]? Retrieval, double[]? Reasoning);

/// <summary>
/// Finished tests in a file, a line each, on the disk as they finish (<see cref="LineJournal"/>): a killed run goes on where it was. The first line says what was
/// measured; a journal of anything else is refused, as is one with a broken line.
/// </summary>
internal sealed class ScoringJournal : IDisposable
{
    private readonly LineJournal? _file;

    private ScoringJournal(IReadOnlyList<ScoredTest> finished, LineJournal? file) => (Finished, _file) = (finished, file);

    /// <summary>What earlier runs finished, in order.</summary>
    public IReadOnlyList<ScoredTest> Finished { get; }

    /// <summary>Opens or starts a journal.</summary>
    /// <param name="path">The file; null keeps none.</param>
    /// <param name="about">One line that names everything the scores depend on.</param>
    /// <exception cref="LabException">The file is of another measurement, has a broken line, or cannot be written.</exception>
    public static ScoringJournal Open(string? path, string about)
    {
        if (path is null) return new([], null);
        var file = LineJournal.Open(path, "give a file that can be written");
        try
        {
            if (file.Lines.Count == 0)
            {
                file.Add(about);
                return new([], file);
            }
            if (file.Lines[0] != about) throw new LabException($"{path}: remembers another measurement ({file.Lines[0]}); this one is {about}. Repeat that command, or delete the file.");
            return new([.. file.Lines.Skip(1).Select((line, at) => Parse(line, at) ?? throw new LabException($"{path}, line {at + 2}: is not test {at} of the measurement; the file was changed by something else: delete that line and those after it"))], file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Remembers a test.</summary>
    public void Add(ScoredTest test) => _file?.Add(JsonSerializer.Serialize(test));

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
