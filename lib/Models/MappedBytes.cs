using System.IO.MemoryMappedFiles;

namespace HeadKvLab.Models;

/// <summary>Read-only bytes of a file in the operating system's page cache. Dispose it when done; the pointer is dead afterwards.</summary>
public sealed unsafe class MappedBytes : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private byte* memory;

    internal MappedBytes(MemoryMappedFile map, MemoryMappedViewAccessor view, long length)
    {
        this.map = map;
        this.view = view;
        Length = length;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref memory);
        memory += view.PointerOffset;
    }

    /// <summary>Size, bytes.</summary>
    public long Length { get; }

    /// <summary>Address of the first byte.</summary>
    public byte* Address => memory is null ? throw new ObjectDisposedException(nameof(MappedBytes)) : memory;

    /// <summary>A piece of the bytes as numbers.</summary>
    /// <typeparam name="T">Type of the numbers, as stored.</typeparam>
    /// <param name="first">Index of the first number.</param>
    /// <param name="count">How many.</param>
    public ReadOnlySpan<T> Slice<T>(long first, int count) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if ((first + count) * sizeof(T) > Length) throw new ArgumentOutOfRangeException(nameof(count));
        return new((T*)Address + first, count);
    }

    /// <summary>Ends the mapping.</summary>
    public void Dispose()
    {
        if (memory is null) return;
        memory = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }
}
