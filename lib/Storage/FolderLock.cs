using System.Diagnostics;
using System.Text.Json;

namespace HeadKvLab.Storage;

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
/// One process at a time in a folder of results or checkpoints. The file <c>lock</c> is held by the operating system's advisory lock, which ends with its process
/// however that dies, so that nothing stale stays behind; <c>owner.json</c> names the owner. Where the file system does not enforce such locks, or the
/// owner was another machine, the owner's heartbeat decides: it touches its name every 20 s, and is taken for dead after two minutes without.
/// The file <c>lock</c> is never deleted: a deleted file could be locked twice.
/// </summary>
public sealed class FolderLock : IDisposable
{
    /// <summary>A lock of another machine is stale when its owner has been silent this long.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(20);

    private const int ReadOnlyFileSystem = 30;          // EROFS of Linux and macOS

    private static readonly JsonSerializerOptions Spelling = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true };

    private readonly FileStream _file;
    private readonly string _name;
    private readonly Timer _heartbeat;
    private bool _released;

    private FolderLock(FileStream file, string name)
    {
        (_file, _name) = (file, name);
        _heartbeat = new Timer(_ => Touch(), null, Heartbeat, Heartbeat);
    }

    /// <summary>Takes the lock of a folder.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="self">Who asks; null: this process.</param>
    /// <param name="cure">What else its user may do while another process holds it.</param>
    /// <exception cref="LabException">Another process holds it, or the file cannot be written.</exception>
    public static FolderLock Take(string folder, LockOwner? self = null, string cure = "give another --out, or divide the work with --shard 1/2 and --shard 2/2")
    {
        self ??= LockOwner.Self;
        var (path, name) = (Path.Combine(folder, "lock"), Path.Combine(folder, "owner.json"));
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            if (ReadOwner(name) is { } owner && (owner.Host != self.Host || !Enforced(path)) && !IsSilent(folder, name)) throw Held(folder, owner, cure);
            WriteOwner(name, self);
            return new FolderLock(file, name);
        }
        catch (IOException e) when (file is null && e.HResult != ReadOnlyFileSystem && IsHeld(path))
        {
            throw Held(folder, ReadOwner(name), cure);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new LabException($"{path}: the lock cannot be written: {e.Message}; the folder must be writable and have room, or give another one", e);
        }
        catch
        {
            file?.Dispose();
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
        try { File.Delete(_name); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }      // a name without a lock is stale by itself
        _file.Dispose();
    }

    private void Touch()
    {
        lock (_heartbeat)
        {
            if (_released) return;
            try { File.SetLastWriteTimeUtc(_name, DateTime.UtcNow); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        }
    }

    /// <summary>Whether an existing lock keeps a reader out: it is held, and not merely unwritable.</summary>
    private static bool IsHeld(string path)
    {
        if (!File.Exists(path)) return false;
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            return (File.GetAttributes(path) & FileAttributes.ReadOnly) == 0;               // let go of in between
        }
        catch (IOException) { return true; }
        catch (UnauthorizedAccessException) { return false; }
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

    /// <summary>Whether the owner did not touch its name for <see cref="Silence"/>, by the clock of the file system both machines share.</summary>
    private static bool IsSilent(string folder, string name)
    {
        var probe = Path.Combine(folder, $"clock-{Environment.MachineName}-{Environment.ProcessId}");
        File.WriteAllBytes(probe, []);
        var now = File.GetLastWriteTimeUtc(probe);
        File.Delete(probe);
        return now - File.GetLastWriteTimeUtc(name) > Silence;
    }

    private static void WriteOwner(string name, LockOwner self)
    {
        try
        {
            OutputFile.Write(name, file => file.Write(JsonSerializer.SerializeToUtf8Bytes(self, Spelling)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{name}: cannot be written: {e.Message}; the folder must be writable and have room, or give another one", e);
        }
    }

    private static LockOwner? ReadOwner(string name)
    {
        try
        {
            return JsonSerializer.Deserialize<LockOwner>(File.ReadAllBytes(name), Spelling);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException) { return null; }
    }

    private static LabException Held(string folder, LockOwner? owner, string cure) => new(
        $"{folder}: in use by {owner?.ToString() ?? "another process"}; wait for it, {cure}"
        + (owner is not null && owner.Host != Environment.MachineName ? $" (if that machine is gone, try again {Silence.TotalMinutes:0} minutes after its death)" : ""));
}
