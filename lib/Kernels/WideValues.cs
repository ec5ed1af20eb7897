using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>Weighted sums of a block's values: up to 4 queries by 64, 32 or 16 numbers in registers over the whole block.</summary>
internal static unsafe class WideValues<TLanes> where TLanes : struct, IPairedLanes
{
    private const int Row = WideHead<TLanes>.Row;

    /// <summary>output[query] += sum_j weights[query, j] v[j]; fetches as many rows of <paramref name="next"/> as it reads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* output, byte* values, byte* next, EntryRows rows, int dim, int count, int group, float* weights)
    {
        for (var g = 0; g < group; g += 4, output += 4 * dim, weights += 4 * Row)
            switch (group - g)
            {
                case 1: Columns<One>(output, values, next, rows, dim, count, weights, g == 0); break;
                case 2: Columns<Two>(output, values, next, rows, dim, count, weights, g == 0); break;
                case 3: Columns<Three>(output, values, next, rows, dim, count, weights, g == 0); break;
                default: Columns<Four>(output, values, next, rows, dim, count, weights, g == 0); break;
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Columns<TQueries>(float* output, byte* values, byte* next, EntryRows rows, int dim, int count, float* weights, bool fetch) where TQueries : struct, IExtent
    {
        var i = 0;
        for (; i + 64 <= dim; i += 64) Add<TQueries, Four>(output + i, values + i * TLanes.Size, next + i * TLanes.Size, rows, dim, count, weights, fetch);
        for (; i + 32 <= dim; i += 32) Add<TQueries, Two>(output + i, values + i * TLanes.Size, next + i * TLanes.Size, rows, dim, count, weights, fetch);
        if (i < dim) Add<TQueries, One>(output + i, values + i * TLanes.Size, next + i * TLanes.Size, rows, dim, count, weights, fetch);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<TQueries, TVectors>(float* o, byte* values, byte* next, EntryRows rows, int dim, int count, float* weights, bool fetch) where TQueries : struct, IExtent where TVectors : struct, IExtent
    {
        Vector512<float> a0, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        Load<TVectors>(o, out a0, out a1, out a2, out a3);
        if (TQueries.Count > 1) Load<TVectors>(o + dim, out b0, out b1, out b2, out b3);
        if (TQueries.Count > 2) Load<TVectors>(o + 2 * dim, out c0, out c1, out c2, out c3);
        if (TQueries.Count > 3) Load<TVectors>(o + 3 * dim, out d0, out d1, out d2, out d3);
        var (step, apart) = rows;
        for (var j = 0; j < count; j++)
        {
            var at = (j >> 2) * step + (j & 3) * apart;
            if (fetch) Fetch.Ahead(next + at, 16 * TVectors.Count * TLanes.Size);
            var v = values + at;
            var v0 = TVectors.Count == 1 ? TLanes.Load(v) : TLanes.First(v);
            var v1 = TVectors.Count > 1 ? TLanes.Second(v) : default;
            var v2 = TVectors.Count > 2 ? TLanes.First(v + 32 * TLanes.Size) : default;
            var v3 = TVectors.Count > 2 ? TLanes.Second(v + 32 * TLanes.Size) : default;
            Sum<TVectors>(weights[j], v0, v1, v2, v3, ref a0, ref a1, ref a2, ref a3);
            if (TQueries.Count > 1) Sum<TVectors>(weights[Row + j], v0, v1, v2, v3, ref b0, ref b1, ref b2, ref b3);
            if (TQueries.Count > 2) Sum<TVectors>(weights[2 * Row + j], v0, v1, v2, v3, ref c0, ref c1, ref c2, ref c3);
            if (TQueries.Count > 3) Sum<TVectors>(weights[3 * Row + j], v0, v1, v2, v3, ref d0, ref d1, ref d2, ref d3);
        }
        Store<TVectors>(o, a0, a1, a2, a3);
        if (TQueries.Count > 1) Store<TVectors>(o + dim, b0, b1, b2, b3);
        if (TQueries.Count > 2) Store<TVectors>(o + 2 * dim, c0, c1, c2, c3);
        if (TQueries.Count > 3) Store<TVectors>(o + 3 * dim, d0, d1, d2, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sum<TVectors>(float weight, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3) where TVectors : struct, IExtent
    {
        var w = Vector512.Create(weight);
        s0 = Vector512.FusedMultiplyAdd(w, v0, s0);
        if (TVectors.Count > 1) s1 = Vector512.FusedMultiplyAdd(w, v1, s1);
        if (TVectors.Count > 2) s2 = Vector512.FusedMultiplyAdd(w, v2, s2);
        if (TVectors.Count > 2) s3 = Vector512.FusedMultiplyAdd(w, v3, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<TVectors>(float* o, out Vector512<float> s0, out Vector512<float> s1, out Vector512<float> s2, out Vector512<float> s3) where TVectors : struct, IExtent
    {
        s0 = Vector512.Load(o);
        s1 = TVectors.Count > 1 ? Vector512.Load(o + 16) : default;
        s2 = TVectors.Count > 2 ? Vector512.Load(o + 32) : default;
        s3 = TVectors.Count > 2 ? Vector512.Load(o + 48) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(float* o, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3) where TVectors : struct, IExtent
    {
        s0.Store(o);
        if (TVectors.Count > 1) s1.Store(o + 16);
        if (TVectors.Count > 2) s2.Store(o + 32);
        if (TVectors.Count > 2) s3.Store(o + 48);
    }
}
