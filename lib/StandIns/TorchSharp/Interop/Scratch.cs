using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>
/// A ring of native memory per thread for list and text arguments. What is taken stays valid until at least a quarter of the ring has been taken
/// again, which is far beyond the one operator call it serves; the ring grows so that this holds for long lists too.
/// </summary>
internal static unsafe class Scratch
{
    [ThreadStatic] private static Ring? ring;

    internal static void* Take(int bytes)
    {
        bytes = (bytes + 15) & ~15;
        if (ring is null || bytes > ring.Size / 4) ring = new Ring(Math.Max(1 << 16, 8 * bytes), ring);
        return ring.Take(bytes);
    }

    private sealed class Ring(int size, Ring? earlier)
    {
        private readonly byte* start = (byte*)NativeMemory.AlignedAlloc((nuint)size, 64);
        private readonly Ring? earlier = earlier;   // an argument taken just before may still point into it
        private int used;

        internal int Size => size;

        ~Ring() => NativeMemory.AlignedFree(start);

        internal void* Take(int bytes)
        {
            if (used + bytes > size) used = 0;
            byte* p = start + used;
            used += bytes;
            GC.KeepAlive(earlier);
            return p;
        }
    }
}
