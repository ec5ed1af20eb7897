using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>One step of an online softmax, sixteen lanes at a time.</summary>
internal static unsafe class Softening
{
    private const int Lanes = 16;

    /// <summary>Turns logits into exp(logit - max); when the maximum rises, what was summed before shrinks accordingly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Soften(float* logits, int count, ref float max, ref float sum, float* output, int dim)
    {
        for (var j = count; j % Lanes != 0; j++) logits[j] = float.NegativeInfinity;
        var top = Vector512.Create(max);
        for (var j = 0; j < count; j += Lanes) top = Vector512.MaxNative(Vector512.Load(logits + j), top); // not a number is left to the sum
        var half = Vector256.MaxNative(top.GetLower(), top.GetUpper());
        var quarter = Vector128.MaxNative(half.GetLower(), half.GetUpper());
        quarter = Vector128.MaxNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        var highest = Vector128.MaxNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2))).ToScalar();
        if (highest > max)
        {
            var shrink = FastExp.Exp(Vector512.Create(max - highest)).ToScalar();
            sum *= shrink;
            if (shrink > 0) Scale(output, dim, shrink);
            else new Span<float>(output, dim).Clear();
            max = highest;
        }
        var (total, level) = (Vector512<float>.Zero, Vector512.Create(highest));
        for (var j = 0; j < count; j += Lanes)
        {
            var weight = FastExp.Exp(Vector512.Load(logits + j) - level);
            weight.Store(logits + j);
            total += weight;
        }
        sum += Vector512.Sum(total);
    }

    /// <summary>Multiplies numbers, a multiple of sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* values, int dim, float factor)
    {
        for (var i = 0; i < dim; i += Lanes) (Vector512.Load(values + i) * factor).Store(values + i);
    }
}
