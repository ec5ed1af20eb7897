using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>A small matrix product whose result stays in registers: 8 rows by 32 columns take sixteen of AVX-512's, which leaves enough for the operands.</summary>
internal static unsafe class RegisterTile
{
    /// <summary>Rows of a tile.</summary>
    internal const int Rows = 8;

    /// <summary><c>C[8, 32] (+)= A[8, k] B[k, 32]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Multiply32(float* a, int strideA, float* b, int strideB, float* c, int strideC, int k, bool add)
    {
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        Vector512<float> e0 = default, e1 = default, f0 = default, f1 = default, g0 = default, g1 = default, h0 = default, h1 = default;
        float* low = a, high = a + 4 * strideA;
        for (var i = 0; i < k; i++, low++, high++, b += strideB)
        {
            Vector512<float> x = Vector512.Load(b), y = Vector512.Load(b + 16);
            var s = Vector512.Create(low[0]);
            a0 = Vector512.FusedMultiplyAdd(s, x, a0);
            a1 = Vector512.FusedMultiplyAdd(s, y, a1);
            s = Vector512.Create(low[strideA]);
            b0 = Vector512.FusedMultiplyAdd(s, x, b0);
            b1 = Vector512.FusedMultiplyAdd(s, y, b1);
            s = Vector512.Create(low[2 * strideA]);
            c0 = Vector512.FusedMultiplyAdd(s, x, c0);
            c1 = Vector512.FusedMultiplyAdd(s, y, c1);
            s = Vector512.Create(low[3 * strideA]);
            d0 = Vector512.FusedMultiplyAdd(s, x, d0);
            d1 = Vector512.FusedMultiplyAdd(s, y, d1);
            s = Vector512.Create(high[0]);
            e0 = Vector512.FusedMultiplyAdd(s, x, e0);
            e1 = Vector512.FusedMultiplyAdd(s, y, e1);
            s = Vector512.Create(high[strideA]);
            f0 = Vector512.FusedMultiplyAdd(s, x, f0);
            f1 = Vector512.FusedMultiplyAdd(s, y, f1);
            s = Vector512.Create(high[2 * strideA]);
            g0 = Vector512.FusedMultiplyAdd(s, x, g0);
            g1 = Vector512.FusedMultiplyAdd(s, y, g1);
            s = Vector512.Create(high[3 * strideA]);
            h0 = Vector512.FusedMultiplyAdd(s, x, h0);
            h1 = Vector512.FusedMultiplyAdd(s, y, h1);
        }
        Put(c, a0, a1, add);
        Put(c + strideC, b0, b1, add);
        Put(c + 2 * strideC, c0, c1, add);
        Put(c + 3 * strideC, d0, d1, add);
        Put(c + 4 * strideC, e0, e1, add);
        Put(c + 5 * strideC, f0, f1, add);
        Put(c + 6 * strideC, g0, g1, add);
        Put(c + 7 * strideC, h0, h1, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* c, Vector512<float> x, Vector512<float> y, bool add)
    {
        (add ? x + Vector512.Load(c) : x).Store(c);
        (add ? y + Vector512.Load(c + 16) : y).Store(c + 16);
    }

    /// <summary><c>C[8, 16] += A[8, k] B[k, 16]</c>: what a head dimension that is no multiple of 32 leaves over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Add16(float* a, int strideA, float* b, int strideB, float* c, int strideC, int k)
    {
        for (var r = 0; r < Rows; r++)
        {
            var sum = Vector512.Load(c + r * strideC);
            for (var i = 0; i < k; i++) sum = Vector512.FusedMultiplyAdd(Vector512.Create(a[r * strideA + i]), Vector512.Load(b + (long)i * strideB), sum);
            sum.Store(c + r * strideC);
        }
    }
}
