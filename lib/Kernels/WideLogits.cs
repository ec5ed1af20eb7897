using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>Logits of a block of entries: 4 entries by up to 4 queries in registers, all their sums reduced together.</summary>
internal static unsafe class WideLogits<TLanes> where TLanes : struct, IPairedLanes
{
    private const int Row = WideHead<TLanes>.Row;

    /// <summary>weights[query, entry] = scale q k; fetches as many rows of <paramref name="next"/> as it reads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* queries, byte* keys, byte* next, EntryRows rows, int dim, int count, int group, float scale, float* weights)
    {
        for (var g = 0; g < group; g += 4, queries += 4 * dim, weights += 4 * Row)
        {
            switch (group - g)
            {
                case 1: Rows<One>(queries, keys, next, rows, dim, count, scale, weights, g == 0); break;
                case 2: Rows<Two>(queries, keys, next, rows, dim, count, scale, weights, g == 0); break;
                case 3: Rows<Three>(queries, keys, next, rows, dim, count, scale, weights, g == 0); break;
                default: Rows<Four>(queries, keys, next, rows, dim, count, scale, weights, g == 0); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows<TQueries>(float* q, byte* keys, byte* next, EntryRows rows, int dim, int count, float scale, float* weights, bool fetch) where TQueries : struct, IExtent
    {
        var (step, apart) = rows;
        for (var j = 0; j < count; j += 4, keys += step, next += step)
        {
            byte* k0 = keys, k1 = k0 + apart, k2 = k1 + apart, k3 = k2 + apart;
            if (j + 4 > count) // what the last row gives twice is not looked at
            {
                k1 = j + 1 < count ? k1 : k0;
                k2 = j + 2 < count ? k2 : k1;
                k3 = k2;
            }
            Tile<TQueries>(q, k0, k1, k2, k3, fetch ? next : null, apart, dim, scale, weights + j);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile<TQueries>(float* q, byte* k0, byte* k1, byte* k2, byte* k3, byte* next, long apart, int dim, float scale, float* logits) where TQueries : struct, IExtent
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        var i = 0;
        for (; i + 32 <= dim; i += 32)
        {
            var at = i * TLanes.Size;
            if (next != null) Fetch.Ahead(next + at, apart, 32 * TLanes.Size);
            Step<TQueries>(q + i, dim, TLanes.First(k0 + at), TLanes.First(k1 + at), TLanes.First(k2 + at), TLanes.First(k3 + at),
                ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
            if (next != null) Fetch.Ahead(next + at + 2 * apart, apart, 32 * TLanes.Size);
            Step<TQueries>(q + i + 16, dim, TLanes.Second(k0 + at), TLanes.Second(k1 + at), TLanes.Second(k2 + at), TLanes.Second(k3 + at),
                ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
        }
        if (i < dim)
        {
            var at = i * TLanes.Size;
            if (next != null)
            {
                Fetch.Ahead(next + at, apart, 16 * TLanes.Size);
                Fetch.Ahead(next + at + 2 * apart, apart, 16 * TLanes.Size);
            }
            Step<TQueries>(q + i, dim, TLanes.Load(k0 + at), TLanes.Load(k1 + at), TLanes.Load(k2 + at), TLanes.Load(k3 + at),
                ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
        }
        var sums = Quarters(Sums(a0, a1, a2, a3),
            TQueries.Count > 1 ? Sums(b0, b1, b2, b3) : default, TQueries.Count > 2 ? Sums(c0, c1, c2, c3) : default, TQueries.Count > 3 ? Sums(d0, d1, d2, d3) : default) * scale;
        sums.GetLower().GetLower().Store(logits);
        if (TQueries.Count > 1) sums.GetLower().GetUpper().Store(logits + Row);
        if (TQueries.Count > 2) sums.GetUpper().GetLower().Store(logits + 2 * Row);
        if (TQueries.Count > 3) sums.GetUpper().GetUpper().Store(logits + 3 * Row);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TQueries>(float* q, int dim, Vector512<float> k0, Vector512<float> k1, Vector512<float> k2, Vector512<float> k3,
        ref Vector512<float> a0, ref Vector512<float> a1, ref Vector512<float> a2, ref Vector512<float> a3, ref Vector512<float> b0, ref Vector512<float> b1, ref Vector512<float> b2, ref Vector512<float> b3,
        ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2, ref Vector512<float> c3, ref Vector512<float> d0, ref Vector512<float> d1, ref Vector512<float> d2, ref Vector512<float> d3) where TQueries : struct, IExtent
    {
        Four(Vector512.Load(q), k0, k1, k2, k3, ref a0, ref a1, ref a2, ref a3);
        if (TQueries.Count > 1) Four(Vector512.Load(q + dim), k0, k1, k2, k3, ref b0, ref b1, ref b2, ref b3);
        if (TQueries.Count > 2) Four(Vector512.Load(q + 2 * dim), k0, k1, k2, k3, ref c0, ref c1, ref c2, ref c3);
        if (TQueries.Count > 3) Four(Vector512.Load(q + 3 * dim), k0, k1, k2, k3, ref d0, ref d1, ref d2, ref d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(Vector512<float> x, Vector512<float> k0, Vector512<float> k1, Vector512<float> k2, Vector512<float> k3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3)
    {
        s0 = Vector512.FusedMultiplyAdd(x, k0, s0);
        s1 = Vector512.FusedMultiplyAdd(x, k1, s1);
        s2 = Vector512.FusedMultiplyAdd(x, k2, s2);
        s3 = Vector512.FusedMultiplyAdd(x, k3, s3);
    }

    /// <summary>Four vectors' lanes summed four by four: each quarter of the result holds one number of a, b, c and d, and all quarters together their sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sums(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        var (x, y) = ((Avx512F.UnpackLow(a, b) + Avx512F.UnpackHigh(a, b)).AsDouble(), (Avx512F.UnpackLow(c, d) + Avx512F.UnpackHigh(c, d)).AsDouble());
        return Avx512F.UnpackLow(x, y).AsSingle() + Avx512F.UnpackHigh(x, y).AsSingle();
    }

    /// <summary>Sums the quarters of four vectors: quarter n of the result is the sum over those of the n-th.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Quarters(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        var x = Avx512F.Shuffle4x128(a, b, 0b10_00_10_00) + Avx512F.Shuffle4x128(a, b, 0b11_01_11_01);
        var y = Avx512F.Shuffle4x128(c, d, 0b10_00_10_00) + Avx512F.Shuffle4x128(c, d, 0b11_01_11_01);
        return Avx512F.Shuffle4x128(x, y, 0b10_00_10_00) + Avx512F.Shuffle4x128(x, y, 0b11_01_11_01);
    }
}
