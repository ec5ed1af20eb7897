using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>
/// The decode kernel with sixteen lanes, for dimensions that are a multiple of 16. Per block of up to 64 entries: logits of 4 entries and up to
/// 4 queries at a time (<see cref="WideLogits{TLanes}"/>), exponentials sixteen at a time, values by tiles of up to 4 queries x 64 numbers that
/// stay in registers over the block (<see cref="WideValues{TLanes}"/>). While the keys of a block are worked on its values are fetched, and then the
/// keys of the next, so that memory never waits for arithmetic. Compiled with full optimisation at once, so that the first token is as fast as
/// the last.
/// </summary>
internal static unsafe class WideHead<TLanes> where TLanes : struct, IPairedLanes
{
    internal const int Row = Block + 16; // room for the logits of a query
    private const int Block = 128;
    private const int Lanes = 16;
    private const int BlockBytes = 8 << 10; // keys of a block, its values and what is being fetched together take half of the first cache

    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in HeadTask head)
    {
        var (dim, group, rowBytes) = (head.Dim, head.Group, head.Dim * TLanes.Size);
        // a quarter of the entries lies in each of four streams; up to three more follow the last block
        var (quarter, rest) = (head.Count / 4, head.Count % 4);
        var most = Math.Clamp(BlockBytes / rowBytes / Lanes * Lanes, Lanes, Block) / 4;
        var held = head.Weights == null ? default : new HeldWeights(head.Count, most);
        var room = stackalloc float[group * (Row + dim + held.Numbers) + Lanes];
        var weights = (float*)(((nint)room + 63) & ~63); // logits, then probabilities, [query, entry]
        var queries = weights + group * Row;             // in the order in which entries are read
        var handed = queries + group * dim;              // what is held back of each query
        var max = stackalloc float[group];
        var sum = stackalloc float[group];
        for (var g = 0; g < group; g++) (max[g], sum[g]) = (float.NegativeInfinity, 0);
        new Span<float>(head.Queries, group * dim).CopyTo(new Span<float>(queries, group * dim));
        Part(queries, group * dim, dim);
        new Span<float>(head.Output, group * dim).Clear();

        var (streams, tail) = (new EntryRows(rowBytes, (long)quarter * rowBytes), new EntryRows(4 * rowBytes, rowBytes));
        for (var first = 0; first < quarter || first == 0; first += most)
        {
            var ends = first + most >= quarter;
            var (main, more) = (4 * Math.Min(most, quarter - first), ends ? rest : 0);
            var keys = head.Keys + (long)first * rowBytes;
            var values = head.Values + (long)first * rowBytes;
            WideLogits<TLanes>.Run(queries, keys, values, streams, dim, main, group, head.Scale, weights);
            if (more > 0) WideLogits<TLanes>.Run(queries, head.Keys + 4L * quarter * rowBytes, head.Values + 4L * quarter * rowBytes, tail, dim, more, group, head.Scale, weights + main);
            if (first == 0)
                for (var g = 0; g < group; g++) weights[g * Row] += head.FirstBias;
            for (var g = 0; g < group; g++)
            {
                Softening.Soften(weights + g * Row, main + more, ref max[g], ref sum[g], head.Output + g * dim, dim);
                if (head.Weights == null) continue;
                held.Keep(handed + g * held.Numbers, weights + g * Row, first, main + more, max[g]);
            }
            WideValues<TLanes>.Run(head.Output, values, keys + (long)most * rowBytes, streams, dim, main, group, weights);
            if (more > 0) WideValues<TLanes>.Run(head.Output, head.Values + 4L * quarter * rowBytes, keys, tail, dim, more, group, weights + main);
        }
        for (var g = 0; g < group; g++)
        {
            if (head.Weights != null) held.HandOver(handed + g * held.Numbers, head, g, max[g], sum[g]);
            if (head.Max is not null)
            {
                (head.Max[g], head.Sum[g]) = (max[g], sum[g]);
                continue;
            }
            Softening.Scale(head.Output + g * dim, dim, 1 / sum[g]);
        }
        Join(head.Output, group * dim, dim);
    }

    /// <summary>Brings vectors of <paramref name="dim"/> numbers into the order in which entries are read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Part(float* numbers, int count, int dim)
    {
        if (!TLanes.Interleaved) return;
        var even = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        for (var start = 0; start < count; start += dim)
            for (var i = start; i + 2 * Lanes <= start + dim; i += 2 * Lanes) Permute(numbers + i, even, even + Vector512<int>.One);
    }

    /// <summary>The inverse of <see cref="Part"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Join(float* numbers, int count, int dim)
    {
        if (!TLanes.Interleaved) return;
        var low = Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        for (var start = 0; start < count; start += dim)
            for (var i = start; i + 2 * Lanes <= start + dim; i += 2 * Lanes) Permute(numbers + i, low, low + Vector512.Create(8));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Permute(float* numbers, Vector512<int> first, Vector512<int> second)
    {
        var (a, b) = (Vector512.Load(numbers), Vector512.Load(numbers + Lanes));
        Avx512F.PermuteVar16x32x2(a, first, b).Store(numbers);
        Avx512F.PermuteVar16x32x2(a, second, b).Store(numbers + Lanes);
    }
}
