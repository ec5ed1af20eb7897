using System.Runtime.InteropServices;

namespace HeadKvLab;

/// <summary>
/// Writes files as a whole: a reader sees the old one or the new one. Links are followed, a file keeps its mode and its owner, and what is no plain file
/// (a pipe, a device, another program's stream) is written into and never replaced.
/// </summary>
internal static partial class OutputFile
{
    private const int Folder = 0x4000, Plain = 0x8000, Kind = 0xF000;

    /// <summary>Writes a file; its folder must be there.</summary>
    /// <param name="path">The file, or a link to it.</param>
    /// <param name="content">Writes what it shall hold.</param>
    /// <param name="again">Whether the file is written again and again, which would send a pipe one text after the other.</param>
    /// <exception cref="IOException">It is a folder, links run in a circle, or the disk refuses; what was there is whole.</exception>
    internal static void Write(string path, Action<Stream> content, bool again = false)
    {
        var there = Status(path);
        if (there is { } other && (other.Mode & Kind) == Folder) throw new IOException($"{path} is a folder.");
        if (there is { } stream && (stream.Mode & Kind) != Plain || path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/proc/", StringComparison.Ordinal))
        {
            if (again) throw new IOException($"{path} is no plain file, and what is written there would be written anew each time.");
            using var into = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite, 1 << 20);
            content(into);
            return;
        }
        var target = Target(path);
        var draft = target + ".partial";
        var file = new FileStream(draft, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);       // refused while another process writes it
        try
        {
            using (file)
            {
                if (there is { } old) Resemble(draft, old, UnixFileMode.UserWrite);      // a draft of a killed run can be written again
                content(file);
                file.Flush(flushToDisk: true);
            }
            if (there is { } replaced) Resemble(draft, replaced);
            File.Move(draft, target, overwrite: true);
        }
        catch
        {
            try { File.Delete(draft); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
            throw;
        }
    }

    /// <summary>The file that a path leads to, there or not. .NET's own resolution takes a relative link for one of the root, and ".." of a link's text for the folder it is called by.</summary>
    private static string Target(string path)
    {
        var whole = Path.GetFullPath(path);
        if (OperatingSystem.IsWindows()) return File.ResolveLinkTarget(whole, returnFinalTarget: true)?.FullName ?? whole;
        var (done, links, parts) = ("/", 0, new Stack<string>(whole.Split('/').Reverse()));
        while (parts.TryPop(out var part))
        {
            if (part is "" or ".") continue;
            var next = part == ".." ? Path.GetDirectoryName(done) ?? "/" : Path.Combine(done, part);
            if (part == ".." || new FileInfo(next).LinkTarget is not { } text)
            {
                done = next;
                continue;
            }
            if (++links > 40) throw new IOException($"{path} is a link that leads in a circle.");
            if (text.StartsWith('/')) done = "/";
            foreach (var piece in text.Split('/').Reverse()) parts.Push(piece);
        }
        return done;
    }

    /// <summary>Gives a draft the mode and, where this process may, the owner of the file it will replace.</summary>
    private static void Resemble(string draft, FileStatus old, UnixFileMode beside = UnixFileMode.None)
    {
        if (OperatingSystem.IsWindows()) return;
        if (Status(draft) is { } made && (made.User, made.Group) != (old.User, old.Group)) _ = ChangeOwner(draft, old.User, old.Group);
        File.SetUnixFileMode(draft, (UnixFileMode)(old.Mode & 0xFFF) | beside);
    }

    /// <summary>What a path leads to, links followed; null where nothing is there, and on Windows.</summary>
    private static FileStatus? Status(string path) => !OperatingSystem.IsWindows() && Stat(path, out var status) == 0 ? status : null;

    /// <summary>The beginning of what .NET's own layer over stat tells, the same on all Unix systems.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    private readonly struct FileStatus
    {
        internal readonly int Flags;
        internal readonly int Mode;
        internal readonly uint User;
        internal readonly uint Group;
    }

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Stat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, out FileStatus status);

    [LibraryImport("libc", EntryPoint = "chown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);
}
