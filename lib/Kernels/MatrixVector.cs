using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Matrix times vector over raw float32 memory: the products of batch-1 decoding, which are bound by the matrix' bytes.
/// Four rows share each load of the vector; <see cref="Vector512"/> falls back to narrower registers where AVX-512 is missing.
/// </summary>
public static unsafe class MatrixVector
{
    /// <summary><c>y = W x (+ b)</c>.</summary>
    /// <param name="matrix"><c>W [rows, columns]</c>, row-major.</param>
    /// <param name="x"><c>[columns]</c>.</param>
    /// <param name="y"><c>[rows]</c>, overwritten.</param>
    /// <param name="bias"><c>[rows]</c>, or null.</param>
    public static void Multiply(float* matrix, ReadOnlySpan<float> x, Span<float> y, float* bias = null)
    {
        fixed (float* vector = x, result = y)
        {
            int rows = y.Length, columns = x.Length, row = 0;
            for (; row + 4 <= rows; row += 4) FourRows(matrix + (long)row * columns, vector, columns, result + row);
            for (; row < rows; row++) result[row] = Dot(matrix + (long)row * columns, vector, columns);
            if (bias != null)
                for (row = 0; row < rows; row++) result[row] += bias[row];
        }
    }

    /// <summary>Inner product of two vectors of <paramref name="length"/> numbers.</summary>
    public static float Dot(float* a, float* b, int length)
    {
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i + 16 <= length; i += 16) sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
        var total = Vector512.Sum(sum);
        for (; i < length; i++) total += a[i] * b[i];
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourRows(float* matrix, float* x, int columns, float* y)
    {
        float* a = matrix, b = a + columns, c = b + columns, d = c + columns;
        Vector512<float> sa = default, sb = default, sc = default, sd = default;
        var i = 0;
        for (; i + 16 <= columns; i += 16)
        {
            var v = Vector512.Load(x + i);
            sa = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), v, sa);
            sb = Vector512.FusedMultiplyAdd(Vector512.Load(b + i), v, sb);
            sc = Vector512.FusedMultiplyAdd(Vector512.Load(c + i), v, sc);
            sd = Vector512.FusedMultiplyAdd(Vector512.Load(d + i), v, sd);
        }
        float ta = Vector512.Sum(sa), tb = Vector512.Sum(sb), tc = Vector512.Sum(sc), td = Vector512.Sum(sd);
        for (; i < columns; i++)
        {
            ta += a[i] * x[i];
            tb += b[i] * x[i];
            tc += c[i] * x[i];
            td += d[i] * x[i];
        }
        (y[0], y[1], y[2], y[3]) = (ta, tb, tc, td);
    }
}
