using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// The decode kernel over blocks of bfloat16 whose keys lack channels, sixteen lanes at a time. Keys lie channel by channel, so that any number of channels is read without a
/// remainder: <c>logit[e] = sum over kept c of q[c] k[c, e]</c> for sixteen entries together. Values lie entry by entry, and are read as rows are.
/// </summary>
internal static unsafe class ChannelHead
{
    private const int Row = WideHead<BFloat16Lanes>.Row;
    private const int Lanes = 16;

    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in HeadTask head)
    {
        var (dim, group, format) = (head.Dim, head.Group, head.Blocks.Format);
        var (channels, rowBytes) = (format.KeyDim(dim), dim * BFloat16Lanes.Size);
        var room = stackalloc float[group * (Row + channels) + Lanes];
        var weights = (float*)(((nint)room + 63) & ~63); // logits, then probabilities, [query, entry]
        var queries = KeptChannels.Gather(head, weights + group * Row, channels);
        var max = stackalloc float[group];
        var sum = stackalloc float[group];
        for (var g = 0; g < group; g++) (max[g], sum[g]) = (float.NegativeInfinity, 0);
        new Span<float>(head.Output, group * dim).Clear();

        var block = head.Keys;
        var (entries, first) = (head.Blocks.Entries, head.Blocks.First);
        for (var done = 0; done < head.Count; block += format.Bytes(entries, dim), first = 0)
        {
            var count = Math.Min(entries - first, head.Count - done);
            var values = block + format.ValueCodesAt(entries, dim) + first * rowBytes;
            for (var g = 0; g < group; g += 4)
                switch (group - g)
                {
                    case 1: Logits<One>(queries + g * channels, block, entries, channels, head.Scale, weights + g * Row); break;
                    case 2: Logits<Two>(queries + g * channels, block, entries, channels, head.Scale, weights + g * Row); break;
                    case 3: Logits<Three>(queries + g * channels, block, entries, channels, head.Scale, weights + g * Row); break;
                    default: Logits<Four>(queries + g * channels, block, entries, channels, head.Scale, weights + g * Row); break;
                }
            for (var g = 0; g < group; g++)
            {
                var row = weights + g * Row + first;
                var before = max[g];
                if (done == 0) *row += head.FirstBias;
                Softening.Soften(row, count, ref max[g], ref sum[g], head.Output + g * dim, dim);
                if (head.Weights == null) continue;
                var handed = head.Weights + (long)g * head.WeightsApart;
                if (done > 0 && max[g] > before) Elementwise.Scale(new(handed, done), MathF.Exp(before - max[g]));
                new Span<float>(row, count).CopyTo(new(handed + done, count));
            }
            WideValues<BFloat16Lanes>.Run(head.Output, values, values + (long)entries * rowBytes, new EntryRows(4 * rowBytes, rowBytes), dim, count, group, weights + first);
            done += count;
        }
        for (var g = 0; g < group; g++)
        {
            var factor = head.Max is null ? 1 / sum[g] : 1;
            if (head.Max is not null) (head.Max[g], head.Sum[g]) = (max[g], sum[g]);
            else if (head.Weights != null) Elementwise.Scale(new(head.Weights + (long)g * head.WeightsApart, head.Count), factor);
            Softening.Scale(head.Output + g * dim, dim, factor);
        }
        WideHead<BFloat16Lanes>.Join(head.Output, group * dim, dim);
    }

    /// <summary>Logits of a block's entries, and garbage behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Logits<TQueries>(float* queries, byte* keys, int entries, int channels, float scale, float* logits) where TQueries : struct, IExtent
    {
        var first = 0;
        for (; first + 4 * Lanes <= entries; first += 4 * Lanes) Strip<TQueries, Four>(queries, keys + first * BFloat16Lanes.Size, entries, channels, scale, logits + first);
        for (; first < entries; first += Lanes) Strip<TQueries, One>(queries, keys + first * BFloat16Lanes.Size, entries, channels, scale, logits + first);
    }

    /// <summary>Those of 64 entries, or of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Strip<TQueries, TVectors>(float* queries, byte* keys, int entries, int channels, float scale, float* logits) where TQueries : struct, IExtent where TVectors : struct, IExtent
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        var ahead = channels * entries * BFloat16Lanes.Size; // values
        for (var c = 0; c < channels; c++, queries++, keys += entries * BFloat16Lanes.Size)
        {
            Fetch.Ahead(keys + ahead, 32 * TVectors.Count);
            var k0 = BFloat16Lanes.Load(keys);
            var k1 = TVectors.Count > 1 ? BFloat16Lanes.Load(keys + 32) : default;
            var k2 = TVectors.Count > 1 ? BFloat16Lanes.Load(keys + 64) : default;
            var k3 = TVectors.Count > 1 ? BFloat16Lanes.Load(keys + 96) : default;
            Add<TVectors>(*queries, k0, k1, k2, k3, ref a0, ref a1, ref a2, ref a3);
            if (TQueries.Count > 1) Add<TVectors>(queries[channels], k0, k1, k2, k3, ref b0, ref b1, ref b2, ref b3);
            if (TQueries.Count > 2) Add<TVectors>(queries[2 * channels], k0, k1, k2, k3, ref c0, ref c1, ref c2, ref c3);
            if (TQueries.Count > 3) Add<TVectors>(queries[3 * channels], k0, k1, k2, k3, ref d0, ref d1, ref d2, ref d3);
        }
        Store<TVectors>(logits, scale, a0, a1, a2, a3);
        if (TQueries.Count > 1) Store<TVectors>(logits + Row, scale, b0, b1, b2, b3);
        if (TQueries.Count > 2) Store<TVectors>(logits + 2 * Row, scale, c0, c1, c2, c3);
        if (TQueries.Count > 3) Store<TVectors>(logits + 3 * Row, scale, d0, d1, d2, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TVectors>(float query, Vector512<float> k0, Vector512<float> k1, Vector512<float> k2, Vector512<float> k3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3) where TVectors : struct, IExtent
    {
        var q = Vector512.Create(query);
        s0 = Vector512.FusedMultiplyAdd(q, k0, s0);
        if (TVectors.Count == 1) return;
        s1 = Vector512.FusedMultiplyAdd(q, k1, s1);
        s2 = Vector512.FusedMultiplyAdd(q, k2, s2);
        s3 = Vector512.FusedMultiplyAdd(q, k3, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(float* logits, float scale, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3) where TVectors : struct, IExtent
    {
        (s0 * scale).Store(logits);
        if (TVectors.Count == 1) return;
        (s1 * scale).Store(logits + 16);
        (s2 * scale).Store(logits + 32);
        (s3 * scale).Store(logits + 48);
    }
}
