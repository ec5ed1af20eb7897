using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

/// <summary>Heads that lie in two buffers, each in one piece: head h has the entries <c>offsets[h] .. offsets[h] + counts[h]</c>.</summary>
internal static unsafe class Pieces
{
    internal static RaggedHeads Of(void* keys, void* values, NumberFormat format, int dim, int[] counts, long[] offsets, float[]? firstBias = null)
    {
        var runs = new Run[counts.Length];
        for (var h = 0; h < runs.Length; h++)
        {
            var at = offsets[h] * dim * format.Bytes();
            runs[h] = new((byte*)keys + at, (byte*)values + at, counts[h], firstBias?[h] ?? 0);
        }
        return new(runs, [], format, dim);
    }
}
