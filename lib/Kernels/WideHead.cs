using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>
/// The decode kernel with sixteen lanes, for dimensions that are a multiple of 16. Per block of 64 entries: logits by tiles of
/// 4 queries x 4 entries (or 1 x 4) whose sums are reduced together, exponentials sixteen at a time, values by tiles of 4 queries
/// x 64 numbers (or 1 x 128) held in registers over the whole block. Compiled with full optimisation at once, so that the first token
/// is as fast as the last.
/// </summary>
internal static unsafe class WideHead<TLanes> where TLanes : struct, ILanes
{
    private const int Block = 64;
    private const int Lanes = 16;

    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in HeadTask head)
    {
        var (dim, group, rowBytes) = (head.Dim, head.Group, head.Dim * TLanes.Size);
        var weights = stackalloc float[group * Block]; // logits, then probabilities, [query, entry]
        var max = stackalloc float[group];
        var sum = stackalloc float[group];
        for (var g = 0; g < group; g++) (max[g], sum[g]) = (float.NegativeInfinity, 0);
        new Span<float>(head.Output, group * dim).Clear();

        for (var first = 0; first < head.Count; first += Block)
        {
            var count = Math.Min(Block, head.Count - first);
            var keys = head.Keys + (long)first * rowBytes;
            var values = head.Values + (long)first * rowBytes;
            Logits(head, keys, count, weights);
            if (first == 0)
                for (var g = 0; g < group; g++) weights[g * Block] += head.FirstBias;
            for (var g = 0; g < group; g++)
                Soften(weights + g * Block, count, ref max[g], ref sum[g], head.Output + g * dim, dim);
            Values(head, values, count, weights);
        }
        for (var g = 0; g < group; g++)
            if (head.Max is null) Scale(head.Output + g * dim, dim, 1 / sum[g]);
            else (head.Max[g], head.Sum[g]) = (max[g], sum[g]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Logits(in HeadTask head, byte* keys, int count, float* weights)
    {
        var (dim, rowBytes) = (head.Dim, head.Dim * TLanes.Size);
        var j = 0;
        for (; j + 4 <= count; j += 4)
        {
            var rows = keys + (long)j * rowBytes;
            Prefetch(rows, rowBytes);
            var g = 0;
            for (; g + 4 <= head.Group; g += 4) Tile4(head.Queries + g * dim, rows, dim, head.Scale, weights + g * Block + j);
            for (; g < head.Group; g++) Tile1(head.Queries + g * dim, rows, dim, head.Scale, weights + g * Block + j);
        }
        for (; j < count; j++)
            for (var g = 0; g < head.Group; g++)
                weights[g * Block + j] = Dot(head.Queries + g * dim, keys + (long)j * rowBytes, dim) * head.Scale;
    }

    /// <summary>Asks for the four rows that lie 6 KB ahead, so that they have arrived when their turn comes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* rows, int rowBytes)
    {
        if (!Sse.IsSupported) return;
        for (var b = 0; b < 4 * rowBytes; b += 64) Sse.Prefetch0(rows + 6144 + b);
    }

    /// <summary>Four queries by four entries: sixteen sums, reduced together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4(float* q, byte* rows, int dim, float scale, float* logits)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        var rowBytes = dim * TLanes.Size;
        for (var i = 0; i < dim; i += Lanes)
        {
            var at = rows + i * TLanes.Size;
            var k0 = TLanes.Load(at);
            var k1 = TLanes.Load(at + rowBytes);
            var k2 = TLanes.Load(at + 2 * rowBytes);
            var k3 = TLanes.Load(at + 3 * rowBytes);
            var x = Vector512.Load(q + i);
            a0 = Vector512.FusedMultiplyAdd(x, k0, a0); a1 = Vector512.FusedMultiplyAdd(x, k1, a1);
            a2 = Vector512.FusedMultiplyAdd(x, k2, a2); a3 = Vector512.FusedMultiplyAdd(x, k3, a3);
            x = Vector512.Load(q + dim + i);
            b0 = Vector512.FusedMultiplyAdd(x, k0, b0); b1 = Vector512.FusedMultiplyAdd(x, k1, b1);
            b2 = Vector512.FusedMultiplyAdd(x, k2, b2); b3 = Vector512.FusedMultiplyAdd(x, k3, b3);
            x = Vector512.Load(q + 2 * dim + i);
            c0 = Vector512.FusedMultiplyAdd(x, k0, c0); c1 = Vector512.FusedMultiplyAdd(x, k1, c1);
            c2 = Vector512.FusedMultiplyAdd(x, k2, c2); c3 = Vector512.FusedMultiplyAdd(x, k3, c3);
            x = Vector512.Load(q + 3 * dim + i);
            d0 = Vector512.FusedMultiplyAdd(x, k0, d0); d1 = Vector512.FusedMultiplyAdd(x, k1, d1);
            d2 = Vector512.FusedMultiplyAdd(x, k2, d2); d3 = Vector512.FusedMultiplyAdd(x, k3, d3);
        }
        (Sums(a0, a1, a2, a3) * scale).Store(logits);
        (Sums(b0, b1, b2, b3) * scale).Store(logits + Block);
        (Sums(c0, c1, c2, c3) * scale).Store(logits + 2 * Block);
        (Sums(d0, d1, d2, d3) * scale).Store(logits + 3 * Block);
    }

    /// <summary>One query by four entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1(float* q, byte* rows, int dim, float scale, float* logits)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
        var rowBytes = dim * TLanes.Size;
        for (var i = 0; i < dim; i += Lanes)
        {
            var at = rows + i * TLanes.Size;
            var x = Vector512.Load(q + i);
            a0 = Vector512.FusedMultiplyAdd(x, TLanes.Load(at), a0);
            a1 = Vector512.FusedMultiplyAdd(x, TLanes.Load(at + rowBytes), a1);
            a2 = Vector512.FusedMultiplyAdd(x, TLanes.Load(at + 2 * rowBytes), a2);
            a3 = Vector512.FusedMultiplyAdd(x, TLanes.Load(at + 3 * rowBytes), a3);
        }
        (Sums(a0, a1, a2, a3) * scale).Store(logits);
    }

    /// <summary>The sums of four vectors' lanes, as one vector of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Sums(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        var (x, y, z, w) = (Fold(a), Fold(b), Fold(c), Fold(d));
        if (Sse3.IsSupported) return Sse3.HorizontalAdd(Sse3.HorizontalAdd(x, y), Sse3.HorizontalAdd(z, w));
        return Vector128.Create(Vector128.Sum(x), Vector128.Sum(y), Vector128.Sum(z), Vector128.Sum(w));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(Vector512<float> lanes)
    {
        var half = lanes.GetLower() + lanes.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot(float* q, byte* row, int dim)
    {
        Vector512<float> sum = default;
        for (var i = 0; i < dim; i += Lanes)
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(q + i), TLanes.Load(row + i * TLanes.Size), sum);
        return Vector512.Sum(sum);
    }

    /// <summary>Turns logits into exp(logit - max); when the maximum rises, what was summed before shrinks accordingly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Soften(float* logits, int count, ref float max, ref float sum, float* output, int dim)
    {
        for (var j = count; j % Lanes != 0; j++) logits[j] = float.NegativeInfinity;
        var top = Vector512.Create(float.NegativeInfinity);
        for (var j = 0; j < count; j += Lanes) top = Vector512.Max(top, Vector512.Load(logits + j));
        var highest = max;
        for (var lane = 0; lane < Lanes; lane++) highest = Math.Max(highest, top[lane]);
        if (highest > max)
        {
            var shrink = MathF.Exp(max - highest);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Values(in HeadTask head, byte* values, int count, float* weights)
    {
        var dim = head.Dim;
        var g = 0;
        for (; g + 4 <= head.Group; g += 4)
        {
            var i = 0;
            for (; i + 4 * Lanes <= dim; i += 4 * Lanes) Add4x4(head.Output + g * dim + i, values + i * TLanes.Size, dim, count, weights + g * Block, i == 0 && g == 0 ? dim * TLanes.Size : 0);
            for (; i < dim; i += Lanes)
                for (var one = g; one < g + 4; one++) Add1x1(head.Output + one * dim + i, values + i * TLanes.Size, dim, count, weights + one * Block);
        }
        for (; g < head.Group; g++)
        {
            var i = 0;
            for (; i + 8 * Lanes <= dim; i += 8 * Lanes) Add1x8(head.Output + g * dim + i, values + i * TLanes.Size, dim, count, weights + g * Block);
            for (; i < dim; i += Lanes) Add1x1(head.Output + g * dim + i, values + i * TLanes.Size, dim, count, weights + g * Block);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add4x4(float* o, byte* values, int dim, int count, float* weights, int ahead)
    {
        var a0 = Vector512.Load(o); var a1 = Vector512.Load(o + 16); var a2 = Vector512.Load(o + 32); var a3 = Vector512.Load(o + 48);
        o += dim;
        var b0 = Vector512.Load(o); var b1 = Vector512.Load(o + 16); var b2 = Vector512.Load(o + 32); var b3 = Vector512.Load(o + 48);
        o += dim;
        var c0 = Vector512.Load(o); var c1 = Vector512.Load(o + 16); var c2 = Vector512.Load(o + 32); var c3 = Vector512.Load(o + 48);
        o += dim;
        var d0 = Vector512.Load(o); var d1 = Vector512.Load(o + 16); var d2 = Vector512.Load(o + 32); var d3 = Vector512.Load(o + 48);
        o -= 3 * dim;
        var rowBytes = dim * TLanes.Size;
        for (var j = 0; j < count; j++, values += rowBytes)
        {
            Prefetch(values, ahead / 4);
            var v0 = TLanes.Load(values);
            var v1 = TLanes.Load(values + Lanes * TLanes.Size);
            var v2 = TLanes.Load(values + 2 * Lanes * TLanes.Size);
            var v3 = TLanes.Load(values + 3 * Lanes * TLanes.Size);
            var w = Vector512.Create(weights[j]);
            a0 = Vector512.FusedMultiplyAdd(w, v0, a0); a1 = Vector512.FusedMultiplyAdd(w, v1, a1);
            a2 = Vector512.FusedMultiplyAdd(w, v2, a2); a3 = Vector512.FusedMultiplyAdd(w, v3, a3);
            w = Vector512.Create(weights[Block + j]);
            b0 = Vector512.FusedMultiplyAdd(w, v0, b0); b1 = Vector512.FusedMultiplyAdd(w, v1, b1);
            b2 = Vector512.FusedMultiplyAdd(w, v2, b2); b3 = Vector512.FusedMultiplyAdd(w, v3, b3);
            w = Vector512.Create(weights[2 * Block + j]);
            c0 = Vector512.FusedMultiplyAdd(w, v0, c0); c1 = Vector512.FusedMultiplyAdd(w, v1, c1);
            c2 = Vector512.FusedMultiplyAdd(w, v2, c2); c3 = Vector512.FusedMultiplyAdd(w, v3, c3);
            w = Vector512.Create(weights[3 * Block + j]);
            d0 = Vector512.FusedMultiplyAdd(w, v0, d0); d1 = Vector512.FusedMultiplyAdd(w, v1, d1);
            d2 = Vector512.FusedMultiplyAdd(w, v2, d2); d3 = Vector512.FusedMultiplyAdd(w, v3, d3);
        }
        a0.Store(o); a1.Store(o + 16); a2.Store(o + 32); a3.Store(o + 48);
        o += dim;
        b0.Store(o); b1.Store(o + 16); b2.Store(o + 32); b3.Store(o + 48);
        o += dim;
        c0.Store(o); c1.Store(o + 16); c2.Store(o + 32); c3.Store(o + 48);
        o += dim;
        d0.Store(o); d1.Store(o + 16); d2.Store(o + 32); d3.Store(o + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add1x8(float* o, byte* values, int dim, int count, float* weights)
    {
        var a0 = Vector512.Load(o); var a1 = Vector512.Load(o + 16); var a2 = Vector512.Load(o + 32); var a3 = Vector512.Load(o + 48);
        var a4 = Vector512.Load(o + 64); var a5 = Vector512.Load(o + 80); var a6 = Vector512.Load(o + 96); var a7 = Vector512.Load(o + 112);
        var (rowBytes, step) = (dim * TLanes.Size, Lanes * TLanes.Size);
        for (var j = 0; j < count; j++, values += rowBytes)
        {
            Prefetch(values, rowBytes / 4);
            var w = Vector512.Create(weights[j]);
            a0 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values), a0);
            a1 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values + step), a1);
            a2 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values + 2 * step), a2);
            a3 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values + 3 * step), a3);
            a4 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values + 4 * step), a4);
            a5 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values + 5 * step), a5);
            a6 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values + 6 * step), a6);
            a7 = Vector512.FusedMultiplyAdd(w, TLanes.Load(values + 7 * step), a7);
        }
        a0.Store(o); a1.Store(o + 16); a2.Store(o + 32); a3.Store(o + 48);
        a4.Store(o + 64); a5.Store(o + 80); a6.Store(o + 96); a7.Store(o + 112);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add1x1(float* o, byte* values, int dim, int count, float* weights)
    {
        var sum = Vector512.Load(o);
        var rowBytes = dim * TLanes.Size;
        for (var j = 0; j < count; j++)
            sum = Vector512.FusedMultiplyAdd(Vector512.Create(weights[j]), TLanes.Load(values + (long)j * rowBytes), sum);
        sum.Store(o);
    }

    private static void Scale(float* values, int dim, float factor)
    {
        for (var i = 0; i < dim; i += Lanes) (Vector512.Load(values + i) * factor).Store(values + i);
    }
}
