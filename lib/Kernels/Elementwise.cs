using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>What stands between the products of a decoder layer, over vectors in the first cache.</summary>
public static unsafe class Elementwise
{
    /// <summary>RMSNorm: <c>y = x / sqrt(mean(x²) + epsilon) * gains</c>; y may be x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Normalise(ReadOnlySpan<float> x, ReadOnlySpan<float> gains, float epsilon, Span<float> y)
    {
        fixed (float* input = x, gain = gains, output = y)
        {
            var scale = 1f / MathF.Sqrt(MatrixVector.Dot(input, input, x.Length) / x.Length + epsilon);
            var i = 0;
            for (; i + 16 <= x.Length; i += 16) (Vector512.Load(input + i) * scale * Vector512.Load(gain + i)).Store(output + i);
            for (; i < x.Length; i++) output[i] = input[i] * scale * gain[i];
        }
    }

    /// <summary><c>x += y</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(Span<float> x, ReadOnlySpan<float> y)
    {
        fixed (float* target = x, addend = y)
        {
            var i = 0;
            for (; i + 16 <= x.Length; i += 16) (Vector512.Load(target + i) + Vector512.Load(addend + i)).Store(target + i);
            for (; i < x.Length; i++) target[i] += addend[i];
        }
    }

    /// <summary><c>x += y²</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddSquares(Span<float> x, ReadOnlySpan<float> y)
    {
        fixed (float* target = x, addend = y)
        {
            var i = 0;
            for (; i + 16 <= x.Length; i += 16) (Vector512.Load(target + i) + Vector512.Load(addend + i) * Vector512.Load(addend + i)).Store(target + i);
            for (; i < x.Length; i++) target[i] += addend[i] * addend[i];
        }
    }

    /// <summary><c>x += y factor</c>, or <c>x += (y factor)²</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AddScaled(float* x, float* y, int count, float factor, bool squares)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
        {
            var scaled = Vector256.Load(y + i) * factor;
            (Vector256.Load(x + i) + (squares ? scaled * scaled : scaled)).Store(x + i);
        }
        for (; i < count; i++)
        {
            var scaled = y[i] * factor;
            x[i] += squares ? scaled * scaled : scaled;
        }
    }

    /// <summary>Inner product.</summary>
    public static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        fixed (float* a = x, b = y) return MatrixVector.Dot(a, b, x.Length);
    }

    /// <summary>Widens bounds so that a vector lies between them: <c>low = min(low, x)</c>, <c>high = max(high, x)</c>; what is no number stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Include(ReadOnlySpan<float> x, Span<float> low, Span<float> high)
    {
        fixed (float* a = x, l = low, h = high)
        {
            var i = 0;
            for (; i + 16 <= x.Length; i += 16)
            {
                var numbers = Vector512.Load(a + i);
                Vector512.Min(Vector512.Load(l + i), numbers).Store(l + i);
                Vector512.Max(Vector512.Load(h + i), numbers).Store(h + i);
            }
            for (; i < x.Length; i++) (l[i], h[i]) = (MathF.Min(l[i], a[i]), MathF.Max(h[i], a[i]));
        }
    }

    /// <summary>Inner products of a vector with the columns of a matrix.</summary>
    /// <param name="x"><c>[row]</c>.</param>
    /// <param name="matrix"><c>[row, column]</c>.</param>
    /// <param name="products"><c>[column]</c>, a multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Columns(ReadOnlySpan<float> x, ReadOnlySpan<float> matrix, Span<float> products)
    {
        fixed (float* a = x, m = matrix, p = products)
            for (var column = 0; column < products.Length; column += 16)
            {
                var sums = Vector512<float>.Zero;
                for (var row = 0; row < x.Length; row++) sums = Vector512.FusedMultiplyAdd(Vector512.Create(a[row]), Vector512.Load(m + (long)row * products.Length + column), sums);
                sums.Store(p + column);
            }
    }

    /// <summary>The largest inner product that x can have with a vector between two others: <c>sum_i max(x_i low_i, x_i high_i)</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float LargestDot(ReadOnlySpan<float> x, ReadOnlySpan<float> low, ReadOnlySpan<float> high)
    {
        fixed (float* a = x, l = low, h = high)
        {
            var (sums, i) = (Vector512<float>.Zero, 0);
            for (; i + 16 <= x.Length; i += 16) sums += Vector512.Max(Vector512.Load(a + i) * Vector512.Load(l + i), Vector512.Load(a + i) * Vector512.Load(h + i));
            var sum = Vector512.Sum(sums);
            for (; i < x.Length; i++) sum += MathF.Max(a[i] * l[i], a[i] * h[i]);
            return sum;
        }
    }

    /// <summary><c>x *= factor</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(Span<float> x, float factor)
    {
        fixed (float* target = x)
        {
            var i = 0;
            for (; i + 16 <= x.Length; i += 16) (Vector512.Load(target + i) * factor).Store(target + i);
            for (; i < x.Length; i++) target[i] *= factor;
        }
    }

    /// <summary>SwiGLU: <c>gate = gate * sigmoid(gate) * up</c>, with sigmoid(x) = 1 / (1 + e^-|x|) for x at least 0 and e^-|x| / (1 + e^-|x|) below: no overflow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SwiGlu(Span<float> gate, ReadOnlySpan<float> up)
    {
        fixed (float* g = gate, u = up)
        {
            var i = 0;
            for (; i + 16 <= gate.Length; i += 16)
            {
                var x = Vector512.Load(g + i);
                var e = FastExp.Exp(-Vector512.Abs(x));
                var numerator = Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(x, Vector512<float>.Zero), Vector512<float>.One, e);
                (x * (numerator / (Vector512<float>.One + e)) * Vector512.Load(u + i)).Store(g + i);
            }
            for (; i < gate.Length; i++) g[i] = g[i] / (1f + MathF.Exp(-g[i])) * u[i];
        }
    }

    /// <summary>Rotates pairs (i, i + half) of a head by the given angles; dimensions beyond 2 half stay.</summary>
    /// <param name="head"><c>[dim]</c>, in place.</param>
    /// <param name="cosines"><c>[half]</c>.</param>
    /// <param name="sines"><c>[half]</c>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        var half = cosines.Length;
        fixed (float* left = head, c = cosines, s = sines)
        {
            var right = left + half;
            var i = 0;
            for (; i + 16 <= half; i += 16)
            {
                var (l, r, cosine, sine) = (Vector512.Load(left + i), Vector512.Load(right + i), Vector512.Load(c + i), Vector512.Load(s + i));
                (l * cosine - r * sine).Store(left + i);
                (r * cosine + l * sine).Store(right + i);
            }
            for (; i < half; i++) (left[i], right[i]) = (left[i] * c[i] - right[i] * s[i], right[i] * c[i] + left[i] * s[i]);
        }
    }
}
