using System.Collections.Concurrent;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
using HeadKvLab.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// An open safetensors file. Opening reads and checks the header only. <see cref="Map"/> gives a tensor's bytes where the operating system
/// maps them, without a copy. A tensor of TorchSharp owns its memory and cannot stand on such bytes; <see cref="Load"/> therefore makes the one
/// copy there must be: it reads from the file straight into the tensor's own memory, a few blocks at a time on several threads, and looks at
/// each block for NaN and infinity while it is in the processor's cache.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private const int Block = 4 << 20; // bytes read and checked at once

    private readonly SafeFileHandle handle;
    private readonly SafetensorsHeader header;

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

    /// <summary>Reads one tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Number type wanted; null keeps the stored one.</param>
    /// <returns>A CPU tensor of the stored shape, owned by the current dispose scope or the caller.</returns>
    /// <exception cref="LabException">No tensor of that name, a value that is not finite, or the file can no longer be read.</exception>
    public Tensor Load(string name, ScalarType? type = null)
    {
        var entry = Find(name);
        var stored = empty(entry.Shape, SafetensorsTypes.Scalar(entry.Type));
        try
        {
            Fill(stored, entry);
        }
        catch
        {
            stored.Dispose();
            throw;
        }
        if (type is not { } wanted || wanted == stored.dtype) return stored;
        using (stored) return stored.to_type(wanted);
    }

    /// <summary>The bytes of one tensor where the operating system maps them: no copy is made.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>A view that must be disposed after use.</returns>
    public MappedBytes Map(string name)
    {
        var entry = Find(name);
        if (entry.Length == 0) throw new LabException($"{File}: tensor '{name}' is empty: there is nothing to map");
        var map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        return new MappedBytes(map, map.CreateViewAccessor(header.DataStart + entry.Begin, entry.Length, MemoryMappedFileAccess.Read), entry.Length);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => handle.Dispose();

    private SafetensorsEntry Find(string name) => Tensors.TryGetValue(name, out var entry)
        ? entry
        : throw new LabException($"{File}: has no tensor '{name}': the checkpoint belongs to another model or is incomplete");

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

    private void ReadBlocks(byte* memory, long length, long begin, SafetensorsEntry entry)
    {
        var blocks = (length + Block - 1) / Block;
        var failures = new ConcurrentQueue<LabException>();
        Parallel.For(0L, blocks, (block, state) =>
        {
            var at = block * Block;
            var target = new Span<byte>(memory + at, (int)Math.Min(Block, length - at));
            if (Read(target, begin + at, entry) is not { } failure) return;
            failures.Enqueue(failure);
            state.Stop();
        });
        if (failures.TryDequeue(out var first)) throw first;
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
