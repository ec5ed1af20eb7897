using System.Diagnostics;
using System.Text.Json;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>Who holds a results folder.</summary>
/// <param name="Pid">Its process id.</param>
/// <param name="Host">Its machine.</param>
/// <param name="Started">When that process started.</param>
public sealed record LockOwner(int Pid, string Host, DateTimeOffset Started)
{
    /// <summary>This process.</summary>
    public static LockOwner Self { get; } = new(Environment.ProcessId, Environment.MachineName, new DateTimeOffset(Process.GetCurrentProcess().StartTime));

    /// <summary>For messages.</summary>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"process {Pid} on {Host}, started {Started.ToUniversalTime():yyyy-MM-dd HH:mm:ss} UTC");
}

/// <summary>
/// One process at a time in a results folder. The file <c>lock</c> is held by the operating system's advisory lock, which ends with its process
/// however that dies, so that nothing stale stays behind; its text names the owner. Where the file system does not enforce such locks, or the owner
/// was another machine, the owner's heartbeat decides: it touches the file every 20 s, and is taken for dead after two minutes without.
/// The file is emptied at the end, never deleted: a deleted file could be locked twice.
/// </summary>
public sealed class FolderLock : IDisposable
{
    /// <summary>A lock of another machine is stale when its owner has been silent this long.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(20);

    private readonly FileStream _file;
    private readonly Timer _heartbeat;
    private bool _released;

    private FolderLock(FileStream file)
    {
        _file = file;
        _heartbeat = new Timer(_ => Touch(), null, Heartbeat, Heartbeat);
    }

    /// <summary>Takes the lock of a folder.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="self">Who asks; null: this process.</param>
    /// <exception cref="LabException">Another process holds it, or the file cannot be written.</exception>
    public static FolderLock Take(string folder, LockOwner? self = null)
    {
        self ??= LockOwner.Self;
        var path = Path.Combine(folder, "lock");
        var file = Open(path) ?? throw Held(folder, ReadOwner(path));
        try
        {
            if (ReadOwner(file) is { } owner && (owner.Host != self.Host || !Enforced(path)) && !IsSilent(folder, path)) throw Held(folder, owner);
            file.SetLength(0);
            file.Write(JsonSerializer.SerializeToUtf8Bytes(self, EvalRow.Json));
            file.Flush(flushToDisk: true);
            return new FolderLock(file);
        }
        catch (IOException e)
        {
            file.Dispose();
            throw new LabException($"{path}: the lock cannot be written: {e.Message}; free space on the disk, or give another --out", e);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Gives the folder back.</summary>
    public void Dispose()
    {
        lock (_heartbeat)
        {
            if (_released) return;
            _released = true;
        }
        _heartbeat.Dispose();
        try { _file.SetLength(0); }
        catch (IOException) { }        // a full disk cannot keep us from leaving: the operating system's lock ends with the handle
        _file.Dispose();
    }

    private void Touch()
    {
        lock (_heartbeat)
        {
            if (_released) return;
            try { File.SetLastWriteTimeUtc(_file.SafeFileHandle, DateTime.UtcNow); }
            catch (IOException) { }
        }
    }

    private static FileStream? Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException) when (File.Exists(path) && ReadOwner(path) is not null)
        {
            return null;
        }
        catch (IOException) when (File.Exists(path) && CanRead(path))
        {
            return null;                // held by a process that is just writing its name
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: the lock cannot be written: {e.Message}; the results folder must be writable, or give another --out", e);
        }
    }

    private static bool CanRead(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
    }

    /// <summary>Whether this file system keeps a second handle out.</summary>
    private static bool Enforced(string path)
    {
        try
        {
            using var second = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            return false;
        }
        catch (IOException) { return true; }
    }

    /// <summary>Whether the lock was not touched for <see cref="Silence"/>, by the clock of the file system both machines share.</summary>
    private static bool IsSilent(string folder, string path)
    {
        var probe = Path.Combine(folder, $"clock-{Environment.MachineName}-{Environment.ProcessId}");
        File.WriteAllBytes(probe, []);
        var now = File.GetLastWriteTimeUtc(probe);
        File.Delete(probe);
        return now - File.GetLastWriteTimeUtc(path) > Silence;
    }

    private static LockOwner? ReadOwner(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            return ReadOwner(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; }
    }

    private static LockOwner? ReadOwner(FileStream file)
    {
        file.Position = 0;
        var bytes = new byte[Math.Min(file.Length, 4096)];
        file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        file.Position = 0;
        try
        {
            return bytes.Length == 0 ? null : JsonSerializer.Deserialize<LockOwner>(bytes, EvalRow.Json);
        }
        catch (JsonException) { return null; }   // a name torn by the death of its owner
    }

    private static LabException Held(string folder, LockOwner? owner) => new(
        $"{folder}: in use by {owner?.ToString() ?? "another process"}; wait for it, give another --out, or divide the work with --shard 1/2 and --shard 2/2"
        + (owner is not null && owner.Host != Environment.MachineName ? $" (if that machine is gone, try again {Silence.TotalMinutes:0} minutes after its death)" : ""));
}
