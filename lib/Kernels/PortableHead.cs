using System.Numerics;
using System.Runtime.CompilerServices;

namespace HeadKvLab.Kernels;

/// <summary>
/// The decode kernel for any machine and any dimension: each entry is widened once into a small buffer, then dotted with every
/// query of the group by <see cref="Vector{T}"/> and a scalar remainder.
/// </summary>
internal static unsafe class PortableHead<TRows> where TRows : struct, IEntryRows
{
    private const int Block = 64;

    [SkipLocalsInit]
    public static void Run(in HeadTask head)
    {
        var (dim, group) = (head.Dim, head.Group);
        var weights = stackalloc float[group * Block]; // logits, then probabilities, [query, entry]
        var max = stackalloc float[group];
        var sum = stackalloc float[group];
        var entry = stackalloc float[dim];
        for (var g = 0; g < group; g++) (max[g], sum[g]) = (float.NegativeInfinity, 0);
        new Span<float>(head.Output, group * dim).Clear();

        for (var first = 0; first < head.Count; first += Block)
        {
            var count = Math.Min(Block, head.Count - first);
            for (var j = 0; j < count; j++)
            {
                TRows.Key(head, first + j, new(entry, dim));
                var bias = first + j == 0 ? head.FirstBias : 0;
                for (var g = 0; g < group; g++)
                    weights[g * Block + j] = Dot(head.Queries + g * dim, entry, dim) * head.Scale + bias;
            }
            for (var g = 0; g < group; g++)
            {
                var before = max[g];
                Soften(new Span<float>(weights + g * Block, count), ref max[g], ref sum[g], new Span<float>(head.Output + g * dim, dim));
                if (head.Weights == null) continue;
                var row = head.Weights + (long)g * head.WeightsApart;
                if (first > 0 && max[g] > before) Scale(new(row, first), MathF.Exp(before - max[g]));
                new Span<float>(weights + g * Block, count).CopyTo(new(row + first, count));
            }
            for (var j = 0; j < count; j++)
            {
                TRows.Value(head, first + j, new(entry, dim));
                for (var g = 0; g < group; g++) Add(head.Output + g * dim, entry, weights[g * Block + j], dim);
            }
        }
        for (var g = 0; g < group; g++)
        {
            if (head.Max is not null)
            {
                (head.Max[g], head.Sum[g]) = (max[g], sum[g]);
                continue;
            }
            Scale(new Span<float>(head.Output + g * dim, dim), 1 / sum[g]);
            if (head.Weights != null) head.Finish(g, 0, head.Count, 1 / sum[g]);
        }
    }

    /// <summary>Turns logits into exp(logit - max); when the maximum rises, what was summed before shrinks accordingly.</summary>
    private static void Soften(Span<float> logits, ref float max, ref float sum, Span<float> output)
    {
        var top = max;
        foreach (var logit in logits) top = Math.Max(top, logit);
        if (top > max)
        {
            var shrink = MathF.Exp(max - top);
            sum *= shrink;
            Scale(output, shrink);
            max = top;
        }
        foreach (ref var logit in logits)
        {
            logit = MathF.Exp(logit - top);
            sum += logit;
        }
    }

    private static float Dot(float* a, float* b, int dim)
    {
        var lanes = Vector<float>.Zero;
        var i = 0;
        for (; i + Vector<float>.Count <= dim; i += Vector<float>.Count)
            lanes += Unsafe.ReadUnaligned<Vector<float>>(a + i) * Unsafe.ReadUnaligned<Vector<float>>(b + i);
        var sum = Vector.Sum(lanes);
        for (; i < dim; i++) sum += a[i] * b[i];
        return sum;
    }

    private static void Add(float* output, float* entry, float weight, int dim)
    {
        var i = 0;
        for (; i + Vector<float>.Count <= dim; i += Vector<float>.Count)
            Unsafe.WriteUnaligned(output + i, Unsafe.ReadUnaligned<Vector<float>>(output + i) + Unsafe.ReadUnaligned<Vector<float>>(entry + i) * weight);
        for (; i < dim; i++) output[i] += entry[i] * weight;
    }

    private static void Scale(Span<float> values, float factor)
    {
        foreach (ref var value in values) value *= factor;
    }
}
