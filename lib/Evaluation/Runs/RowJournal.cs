using System.Text;
using System.Text.Json;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// <c>rows.jsonl</c>: a line a sample, on the disk before the next sample starts. A last line without its newline is what a killed process left of
/// the sample in flight, and is cut off when the file is opened; a broken line anywhere else is damage of another kind, and is refused.
/// </summary>
public sealed class RowJournal : IDisposable
{
    private readonly FileStream _file;

    private RowJournal(FileStream file, IReadOnlyList<EvalRow> rows) => (_file, Rows) = (file, rows);

    /// <summary>The rows that were there when the file was opened.</summary>
    public IReadOnlyList<EvalRow> Rows { get; }

    /// <summary>Opens or makes the file, repairs its end, and reads it.</summary>
    /// <exception cref="LabException">It cannot be written, or a line is broken or of another version.</exception>
    public static RowJournal Open(string path)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
            CutTornEnd(file);
            var rows = Read(path, file, onlyCurrent: true);
            file.Position = file.Length;
            return new RowJournal(file, rows);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new LabException($"{path}: cannot be opened for writing: {e.Message}; the results folder must be writable, or give another --out", e);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Reads a file that nobody needs to write; a torn last line is left out.</summary>
    /// <exception cref="LabException">It is missing or unreadable, or a line is broken or of another version.</exception>
    public static IReadOnlyList<EvalRow> Read(string path)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: no such file; a results folder is made by `lab eval` or `lab sweep`");
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return Read(path, file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {e.Message}; give yourself permission, or copy the folder", e);
        }
    }

    /// <summary>Adds a row; it is on the disk when this returns. Where the disk refuses, nothing of the row stays.</summary>
    /// <exception cref="LabException">The disk is full or broken; the rows before this one are whole.</exception>
    public void Add(EvalRow row)
    {
        var good = _file.Position;
        try
        {
            _file.Write(Encoding.UTF8.GetBytes(row.ToLine()));
            _file.Flush(flushToDisk: true);
        }
        catch (Exception e) when (ResultFolder.DiskRefuses(e))
        {
            try { _file.SetLength(good); }
            catch (IOException) { }     // then the next start cuts it off
            throw new LabException($"{_file.Name}: cannot be written: {e.Message.TrimEnd('.')}. The {(good == 0 ? "folder is empty" : "samples before this one are kept")}; "
                + "free space on the disk and give the same command again", e);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static void CutTornEnd(FileStream file)
    {
        var end = file.Length;
        var buffer = new byte[1 << 16];
        while (end > 0)
        {
            var start = Math.Max(0, end - buffer.Length);
            file.Position = start;
            file.ReadExactly(buffer, 0, (int)(end - start));
            var newline = Array.LastIndexOf(buffer, (byte)'\n', (int)(end - start) - 1);
            if (newline >= 0)
            {
                end = start + newline + 1;
                break;
            }
            end = start;
        }
        if (end == file.Length) return;
        file.SetLength(end);
        file.Flush(flushToDisk: true);
    }

    private static List<EvalRow> Read(string path, FileStream file, bool onlyCurrent = false)
    {
        file.Position = 0;
        using var text = new StreamReader(file, Encoding.UTF8, leaveOpen: true);
        var rows = new List<EvalRow>();
        var known = new Dictionary<string, EvalRow>();
        for (var number = 1; text.ReadLine() is { } line; number++)
        {
            if (text.EndOfStream && !EndsWithNewline(file)) break;
            var (row, old) = Parse(path, number, line, onlyCurrent);
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

    private static bool EndsWithNewline(FileStream file)
    {
        var position = file.Position;
        file.Position = file.Length - 1;
        var last = file.ReadByte();
        file.Position = position;
        return last == '\n';
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
