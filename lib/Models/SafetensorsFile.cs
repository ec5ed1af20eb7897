using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using HeadKvLab.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// An open safetensors file. Opening reads and checks the header only. <see cref="Load"/> gives a tensor of 1 MB or more, wanted in its stored
/// type, on the bytes that the operating system maps: nothing is copied, several processes share one copy, and under pressure the system may
/// drop pages and read them again. Its values are looked at for NaN and infinity through a small buffer, so that a disk that fails does so in
/// words. Other tensors are read into memory of their own, a few blocks at a time on several threads, and looked at on the way.
/// <para>As with every mapped file, who writes into it in place changes weights in use, and who truncates it ends the process;
/// replacing it by renaming, as <see cref="SafetensorsWriter"/> and download tools do, is harmless.</para>
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private const int Block = 1 << 20;          // bytes read and checked at once
    private const long WorthMapping = 1 << 20;  // bytes; smaller ones are as well in aligned memory of their own

    private readonly SafeFileHandle handle;
    private readonly SafetensorsHeader header;
    private readonly Dictionary<ScalarType, Tensor?> maps = []; // the whole file as numbers of a type; null where the system does not map it

    private SafetensorsFile(string path, SafeFileHandle handle, SafetensorsHeader header)
    {
        File = path;
        this.handle = handle;
        this.header = header;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => header.Entries;

    /// <summary>The file's remarks, for example <c>format: pt</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="LabException">No such file, or not exactly the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = System.IO.File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
            return new SafetensorsFile(path, handle, SafetensorsHeader.Read(handle, path));
        }
        catch (Exception e)
        {
            handle?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new LabException($"{path}: cannot be opened: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Gives one tensor, all its values finite.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Number type wanted; null keeps the stored one.</param>
    /// <returns>A CPU tensor of the stored shape, owned by the current dispose scope or the caller; it outlives the file. Writing to it
    /// leaves the file alone, but is seen by other loads of the same tensor.</returns>
    /// <exception cref="LabException">No tensor of that name, a value that is not finite, or the file can no longer be read.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public Tensor Load(string name, ScalarType? type = null)
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        var entry = Find(name);
        var stored = SafetensorsTypes.Scalar(entry.Type);
        var mapped = type is null || type == stored ? Mapped(entry, stored) : null;
        var values = mapped ?? empty(entry.Shape, stored);
        try
        {
            if (mapped is not null) ReadBlocks(null, entry.Length, 0, entry);
            else Fill(values, entry);
        }
        catch
        {
            values.Dispose();
            throw;
        }
        if (type is not { } wanted || wanted == stored) return values;
        using (values) return values.to_type(wanted);
    }

    /// <summary>Reads bytes of an entry as they are stored, from <paramref name="begin"/> on.</summary>
    /// <exception cref="LabException">They hold a value that is not finite, or cannot be read.</exception>
    internal void ReadBytes(SafetensorsEntry entry, long begin, Span<byte> target)
    {
        if (Read(target, begin, entry) is { } failure) throw failure;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        lock (maps)
        {
            foreach (var map in maps.Values) map?.Dispose();
            maps.Clear();
            handle.Dispose();
        }
    }

    private SafetensorsEntry Find(string name) => Tensors.TryGetValue(name, out var entry)
        ? entry
        : throw new LabException($"{File}: has no tensor '{name}': the checkpoint belongs to another model or is incomplete");

    /// <summary>An entry where it lies in the mapped file; null for a small one, for numbers astride of their size, and where the system does not map.</summary>
    private Tensor? Mapped(SafetensorsEntry entry, ScalarType type)
    {
        var start = header.DataStart + entry.Begin;
        if (entry.Length < WorthMapping || start % entry.ElementSize != 0) return null;
        lock (maps)
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, this); // its number may be another file's by now
            if (!maps.TryGetValue(type, out var map)) maps.Add(type, map = Map(type, entry.ElementSize));
            if (map is null) return null;
            using var piece = map.narrow(0, start / entry.ElementSize, entry.Count);
            return piece.view(entry.Shape);
        }
    }

    /// <summary>The file as one row of numbers. Windows would not let a mapped file be replaced.</summary>
    private Tensor? Map(ScalarType type, int size)
    {
        if (OperatingSystem.IsWindows()) return null;
        var opened = $"/proc/self/fd/{handle.DangerousGetHandle()}"; // this very file, whatever now has its name
        try
        {
            return from_file(System.IO.File.Exists(opened) ? opened : File, shared: false, size: (header.DataStart + header.Entries.Values.Max(e => e.End)) / size, dtype: type).DetachFromDisposeScope();
        }
        catch (ExternalException)
        {
            return null; // a file system that cannot, strict accounting of memory, a file that shrank
        }
    }

    /// <summary>Reads an entry into a contiguous tensor of its size, in pieces that a span can address.</summary>
    private void Fill(Tensor target, SafetensorsEntry entry)
    {
        var perPiece = (1L << 30) / entry.ElementSize; // numbers
        using var flat = target.view(-1);
        for (var first = 0L; first < entry.Count; first += perPiece)
        {
            var count = Math.Min(perPiece, entry.Count - first);
            using var piece = flat.narrow(0, first, count);
            fixed (byte* memory = piece.bytes) ReadBlocks(memory, count * entry.ElementSize, first * entry.ElementSize, entry);
        }
    }

    /// <summary>Reads and checks bytes of an entry; where <paramref name="memory"/> is null they are only checked.</summary>
    private void ReadBlocks(byte* memory, long length, long begin, SafetensorsEntry entry)
    {
        var blocks = (length + Block - 1) / Block;
        var failures = new ConcurrentQueue<(long Block, LabException Failure)>();
        Parallel.For(0L, blocks, () => memory is null ? ArrayPool<byte>.Shared.Rent(Block) : [], (block, state, buffer) =>
        {
            var at = block * Block;
            var count = (int)Math.Min(Block, length - at);
            var target = memory is null ? buffer.AsSpan(0, count) : new Span<byte>(memory + at, count);
            if (Read(target, begin + at, entry) is { } failure)
            {
                failures.Enqueue((block, failure));
                state.Break(); // the blocks before it are still read: the first failure is the one to tell
            }
            return buffer;
        }, buffer =>
        {
            if (buffer.Length > 0) ArrayPool<byte>.Shared.Return(buffer);
        });
        if (!failures.IsEmpty) throw failures.MinBy(f => f.Block).Failure;
    }

    private LabException? Read(Span<byte> target, long begin, SafetensorsEntry entry)
    {
        var start = header.DataStart + entry.Begin + begin;
        for (var done = 0; done < target.Length;)
        {
            int read;
            try
            {
                read = RandomAccess.Read(handle, target[done..], start + done);
            }
            catch (IOException e)
            {
                return new LabException($"{File}: tensor '{entry.Name}' cannot be read at byte {StrictJson.Grouped(start + done)}: {e.Message}", e);
            }
            if (read == 0) return new LabException($"{File}: tensor '{entry.Name}' ends early, at byte {StrictJson.Grouped(start + done)}: the file shrank; download it again");
            done += read;
        }
        var bad = NonFinite.First(target, entry.Type);
        return bad < 0 ? null : new LabException($"{File}: tensor '{entry.Name}' holds NaN or infinity at element {StrictJson.Grouped((begin / entry.ElementSize) + bad)}: the checkpoint is damaged; download or save it again");
    }
}
