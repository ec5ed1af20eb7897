using System.Text;

namespace HeadKvLab.Storage;

/// <summary>
/// A file of lines, each on the disk before the next is begun, so that a killed run goes on where it was. A last line without its newline is what the kill left of
/// the line in flight: it is cut off when the file is opened, and left out when it is only read.
/// </summary>
public sealed class LineJournal : IDisposable
{
    private readonly FileStream _file;

    private LineJournal(FileStream file, IReadOnlyList<string> lines) => (_file, Lines) = (file, lines);

    /// <summary>The lines that were there when the file was opened.</summary>
    public IReadOnlyList<string> Lines { get; }

    /// <summary>Opens or makes a file and cuts off what a kill left at its end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cure">What its user can do where it cannot be written.</param>
    /// <exception cref="LabException">It cannot be opened for writing.</exception>
    public static LineJournal Open(string path, string cure)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
            CutTornEnd(file);
            var lines = Whole(file);
            file.Position = file.Length;
            return new(file, lines);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new LabException($"{path}: cannot be opened for writing: {e.Message}; {cure}", e);
        }
    }

    /// <summary>The whole lines of a file that nobody needs to write.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="LabException">It cannot be read.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return Whole(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be read: {e.Message}; give yourself permission, or copy the folder", e);
        }
    }

    /// <summary>Adds a line; it is on the disk when this returns. Where the disk refuses, nothing of it stays.</summary>
    /// <param name="line">Without a newline.</param>
    /// <exception cref="IOException">The disk is full or broken; the lines before this one are whole.</exception>
    /// <exception cref="UnauthorizedAccessException">The disk is read-only.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The file would be longer than its file system allows.</exception>
    public void Add(string line)
    {
        var good = _file.Position;
        try
        {
            _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
            _file.Flush(flushToDisk: true);
        }
        catch
        {
            try { _file.SetLength(good); }
            catch (IOException) { }     // then the next start cuts it off
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path => _file.Name;

    /// <summary>Whether nothing is in it yet.</summary>
    public bool IsEmpty => _file.Length == 0;

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

    private static List<string> Whole(FileStream file)
    {
        file.Position = 0;
        using var text = new StreamReader(file, Encoding.UTF8, leaveOpen: true);
        var lines = new List<string>();
        while (text.ReadLine() is { } line) lines.Add(line);
        if (lines.Count > 0 && !EndsWithNewline(file)) lines.RemoveAt(lines.Count - 1);
        return lines;
    }

    private static bool EndsWithNewline(FileStream file)
    {
        file.Position = file.Length - 1;
        return file.ReadByte() == '\n';
    }
}
