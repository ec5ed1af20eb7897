using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>A number known to the compiler: what a tile does not have is left out of its code.</summary>
internal interface IExtent
{
    /// <summary>The number.</summary>
    static abstract int Count { get; }
}

/// <summary>1.</summary>
internal readonly struct One : IExtent
{
    public static int Count => 1;
}

/// <summary>2.</summary>
internal readonly struct Two : IExtent
{
    public static int Count => 2;
}

/// <summary>3.</summary>
internal readonly struct Three : IExtent
{
    public static int Count => 3;
}

/// <summary>4.</summary>
internal readonly struct Four : IExtent
{
    public static int Count => 4;
}

/// <summary>
/// Where the entries of a block lie, four by four: memory gives more when four streams are read side by side than when one is.
/// </summary>
/// <param name="Step">Bytes from an entry to the one four later.</param>
/// <param name="Apart">Bytes from an entry to the next of its four.</param>
internal readonly record struct EntryRows(long Step, long Apart);

/// <summary>Asks for memory before its turn comes.</summary>
internal static unsafe class Fetch
{
    /// <summary>Asks for <paramref name="bytes"/> from <paramref name="start"/>; memory that is not there is no error.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ahead(byte* start, int bytes)
    {
        for (var b = 0; b < bytes; b += 64) Sse.Prefetch0(start + b);
    }

    /// <summary>Asks for <paramref name="bytes"/> of each of two rows: a little between the products, since requests in one heap wait for each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ahead(byte* start, long apart, int bytes)
    {
        Ahead(start, bytes);
        Ahead(start + apart, bytes);
    }
}
