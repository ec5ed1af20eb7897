using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>
/// Exponentials of a query that the wide kernel holds back, where somebody wants the attention weights, until maximum and sum are known: in the order in which it computes
/// them, <c>[entry of a stream, stream]</c> with the last entries behind, and the maximum of each block. Then they are written down or added up in one pass.
/// </summary>
/// <param name="entries">Entries of the head.</param>
/// <param name="most">Entries of each of the four streams in a block.</param>
internal readonly unsafe struct HeldWeights(int entries, int most)
{
    private const int Lanes = 16;
    private readonly int _room = (entries + Lanes - 1) / Lanes * Lanes;
    private readonly int _blocks = Math.Max(1, (entries / 4 + most - 1) / most);

    /// <summary>Numbers to hold for a query.</summary>
    public int Numbers => _room + (_blocks + Lanes - 1) / Lanes * Lanes;

    /// <summary>Takes a block.</summary>
    /// <param name="held">Those of the query.</param>
    /// <param name="block">Its exponentials, with room for a multiple of 16.</param>
    /// <param name="first">Entries of each stream before.</param>
    /// <param name="count">How many.</param>
    /// <param name="max">The maximum that they are relative to.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Keep(float* held, float* block, int first, int count, float max)
    {
        for (var i = 0; i < count; i += Lanes) Vector512.Load(block + i).Store(held + 4 * first + i);
        held[_room + first / most] = max;
    }

    /// <summary>Writes them down, or adds them up; those of a segment only relative to its maximum.</summary>
    /// <param name="held">Those of the query.</param>
    /// <param name="head">The head.</param>
    /// <param name="query">The query.</param>
    /// <param name="max">The last maximum.</param>
    /// <param name="sum">The sum at that maximum.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void HandOver(float* held, in HeadTask head, int query, float max, float sum)
    {
        var (whole, quarter) = (head.Max is null, entries / 4);
        var tops = held + _room;
        var fused = whole && head.Adds != null && head.Adds->Covers(head.Before, entries);
        var target = fused ? head.Adds->Row(query) + head.Before : head.Weights + (long)query * head.WeightsApart;
        var squares = fused && head.Adds->Squares;
        var scale = whole ? 1 / sum : 1;
        for (var block = 0; block < _blocks; block += Lanes) (FastExp.Exp(Vector512.Load(tops + block) - Vector512.Create(max)) * scale).Store(tops + block); // now factors
        for (var block = 0; block < _blocks; block++) Part(held, block * most, Math.Min((block + 1) * most, quarter), quarter, tops[block], target, fused, squares);
        for (var i = 4 * quarter; i < entries; i++) Put(held[i] * tops[_blocks - 1], target + i, fused, squares);
        if (whole && !fused && head.Adds != null) head.Adds->Add(query, head.Before, entries, target, 1);
    }

    /// <summary>Parts some entries into their streams.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Part(float* held, int first, int end, int quarter, float factor, float* target, bool add, bool squares)
    {
        var (even, odd) = (Vector512.Create(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29), Vector512.Create(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31));
        var j = first;
        for (; j + 8 <= end; j += 8)
        {
            var (a, b) = (Vector512.Load(held + 4 * j) * factor, Vector512.Load(held + 4 * j + Lanes) * factor);
            if (squares) (a, b) = (a * a, b * b);
            var (left, right) = (Avx512F.PermuteVar16x32x2(a, even, b), Avx512F.PermuteVar16x32x2(a, odd, b));
            Put(left.GetLower(), target + j, add);
            Put(left.GetUpper(), target + quarter + j, add);
            Put(right.GetLower(), target + 2 * quarter + j, add);
            Put(right.GetUpper(), target + 3 * quarter + j, add);
        }
        for (; j < end; j++)
            for (var stream = 0; stream < 4; stream++) Put(held[4 * j + stream] * factor, target + stream * quarter + j, add, squares);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector256<float> weights, float* target, bool add) => (add ? Vector256.Load(target) + weights : weights).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float weight, float* target, bool add, bool squares)
    {
        if (squares) weight *= weight;
        *target = add ? *target + weight : weight;
    }
}
