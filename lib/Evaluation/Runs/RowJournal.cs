using System.Text.Json;
using HeadKvLab.Storage;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// <c>rows.jsonl</c>: a line a sample, on the disk before the next sample starts (<see cref="LineJournal"/>). A broken line is damage that no kill leaves, and is refused.
/// </summary>
public sealed class RowJournal : IDisposable
{
    private readonly LineJournal _file;

    private RowJournal(LineJournal file, IReadOnlyList<EvalRow> rows) => (_file, Rows) = (file, rows);

    /// <summary>The rows that were there when the file was opened.</summary>
    public IReadOnlyList<EvalRow> Rows { get; }

    /// <summary>Opens or makes the file, repairs its end, and reads it.</summary>
    /// <exception cref="LabException">It cannot be written, or a line is broken or of another version.</exception>
    public static RowJournal Open(string path)
    {
        var file = LineJournal.Open(path, "the results folder must be writable, or give another --out");
        try
        {
            return new RowJournal(file, Read(path, file.Lines, onlyCurrent: true));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads a file that nobody needs to write; a torn last line is left out.</summary>
    /// <exception cref="LabException">It is missing or unreadable, or a line is broken or of another version.</exception>
    public static IReadOnlyList<EvalRow> Read(string path) => File.Exists(path) ? Read(path, LineJournal.Read(path))
        : throw new LabException($"{path}: no such file; a results folder is made by `lab eval` or `lab sweep`");

    /// <summary>Adds a row; it is on the disk when this returns. Where the disk refuses, nothing of the row stays.</summary>
    /// <exception cref="LabException">The disk is full or broken; the rows before this one are whole.</exception>
    public void Add(EvalRow row)
    {
        try
        {
            _file.Add(row.ToLine().TrimEnd('\n'));
        }
        catch (Exception e) when (ResultFolder.DiskRefuses(e))
        {
            throw new LabException($"{_file.Path}: cannot be written: {e.Message.TrimEnd('.')}. The {(_file.IsEmpty ? "folder is empty" : "samples before this one are kept")}; "
                + "free space on the disk and give the same command again", e);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static List<EvalRow> Read(string path, IReadOnlyList<string> lines, bool onlyCurrent = false)
    {
        var rows = new List<EvalRow>();
        var known = new Dictionary<string, EvalRow>();
        for (var number = 1; number <= lines.Count; number++)
        {
            var (row, old) = Parse(path, number, lines[number - 1], onlyCurrent);
            if (!known.TryAdd(row.Key, row))
            {
                // Format 1 had two names for one variant: its default, and the same value given. Such a pair has one answer, unless head scores changed on the way.
                if (old && (known[row.Key].Prediction, known[row.Key].Score) == (row.Prediction, row.Score)) continue;
                throw new LabException($"{path}, line {number}: the sample {row.Dataset} {row.Question} of {row.Variant.Key} is there twice{(old ? " with different answers: rows of format 1 do not say which head scores they were made with; run it again into another folder" : "; two folders were joined by hand: use `lab merge`")}");
            }
            rows.Add(row);
        }
        return rows;
    }

    private static (EvalRow Row, bool Old) Parse(string path, int number, string line, bool onlyCurrent)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var format = json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("format", out var value) && value.TryGetInt32(out var found) ? found : 0;
            if (format == EvalRow.CurrentFormat) return (json.Deserialize<EvalRow>(EvalRow.Json) ?? throw new JsonException("it is null"), false);
            if (format == FormatOne.Number && !onlyCurrent) return (FormatOne.Read(json.RootElement) ?? throw new JsonException("it is null"), true);
            throw new LabException($"{path}, line {number}: a row of format {(format == 0 ? "unknown" : format)}; this version {(onlyCurrent ? "adds to" : $"reads format {FormatOne.Number} and")} format {EvalRow.CurrentFormat}: give another --out, or use the version that wrote it");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new LabException($"{path}, line {number}: broken ({e.Message}); the file was changed by something else: take the line out, its sample will be run again", e);
        }
    }
}
