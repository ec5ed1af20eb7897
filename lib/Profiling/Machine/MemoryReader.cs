using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using HeadKvLab.Kernels;

namespace HeadKvLab.Profiling.Machine;

/// <summary>
/// Reads memory as fast as this machine's cores can: the kernels' threads, each a megabyte at a time as four streams side by side. One stream
/// for each core gets a quarter to a third less out of some memories.
/// </summary>
internal sealed unsafe class MemoryReader : IDisposable
{
    private const int Part = 1 << 20, Stream = Part / 4;

    private static float s_read; // keeps the reads from being left out

    private readonly byte* _memory;
    private readonly int _parts;

    /// <summary>Takes memory and writes all of it: memory never written is one page of zeros.</summary>
    /// <param name="bytes">How much, rounded down to whole megabytes.</param>
    public MemoryReader(long bytes)
    {
        _parts = (int)Math.Max(1, bytes / Part);
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, 64);
        for (var p = 0; p < _parts; p++) new Span<float>(_memory + (long)p * Part, Part / sizeof(float)).Fill(1);
    }

    /// <summary>Bytes that <see cref="Read"/> reads.</summary>
    public long Bytes => (long)_parts * Part;

    /// <summary>Reads everything once.</summary>
    public void Read() => WorkerTeam.Shared.Run(&ReadPart, _memory, _parts);

    /// <summary>GB/s (10^9), the best of some runs.</summary>
    public double Gigabytes(int runs)
    {
        var best = double.MaxValue;
        for (var run = 0; run <= runs; run++)
        {
            var start = Stopwatch.GetTimestamp();
            Read();
            if (run > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return Bytes / best * 1e-9;
    }

    /// <summary>Releases the memory.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ReadPart(void* memory, int part)
    {
        var from = (byte*)memory + (long)part * Part;
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var at = 0; at < Stream; at += 64)
        {
            a += Vector512.Load((float*)(from + at));
            b += Vector512.Load((float*)(from + Stream + at));
            c += Vector512.Load((float*)(from + 2 * Stream + at));
            d += Vector512.Load((float*)(from + 3 * Stream + at));
        }
        s_read = Vector512.Sum(a + b + (c + d));
    }
}
