using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadKvLab.Kernels;

/// <summary>
/// The decode kernel over sealed blocks, sixteen lanes at a time. It reads codes and never writes what they stand for:
/// <code>
/// logit[e] = sum_c (q[c] s[c]) code[c, e] + sum_c q[c] z[c]         the last sum once per block
/// out[c]  += sum_e (p[e] s[e]) code[e, c] + sum_e p[e] z[e]         the last sum once per block and group of channels
/// </code>
/// Rows whose bytes are no multiple of sixteen are read into the next row; those lanes are not looked at, so a block is followed by
/// <see cref="Slack"/> readable bytes.
/// </summary>
internal static unsafe class SealedHead<TCodes> where TCodes : struct, ICodes
{
    /// <summary>Bytes behind a block that may be read.</summary>
    internal const int Slack = 64;

    private const int Row = BlockFormat.Entries + 16; // room for the logits of a query
    private const int Lanes = 16;

    /// <summary>Whether vectors of sixteen channels never cross the groups that share a scale.</summary>
    public static bool Serves(int dim) => BlockFormat.GroupsOf(dim) == 1 || TCodes.Format.RowOf(dim) % Lanes == 0;

    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in HeadTask head)
    {
        var (dim, group, width) = (head.Dim, head.Group, head.Dim + 64);
        var (groups, format) = (BlockFormat.GroupsOf(dim), head.Blocks.Format);
        var channels = format.KeyDim(dim);
        var apart = (channels + Lanes - 1) / Lanes * Lanes; // a query to the next
        var room = stackalloc float[group * (Row + width + (head.Channels == null ? 0 : apart)) + 4 * Math.Max(dim, groups * BlockFormat.Entries) + Lanes];
        var weights = (float*)(((nint)room + 63) & ~63); // logits, then probabilities, [query, entry]
        var output = weights + group * Row;              // [query, width]: lanes behind the last channel are garbage
        var scaled = output + group * width;             // of up to 4 queries
        var queries = head.Channels == null ? head.Queries : KeptChannels.Gather(head, scaled + 4 * Math.Max(dim, groups * BlockFormat.Entries), apart);
        var max = stackalloc float[group];
        var sum = stackalloc float[group];
        for (var g = 0; g < group; g++) (max[g], sum[g]) = (float.NegativeInfinity, 0);
        new Span<float>(output, group * width).Clear();

        var block = head.Keys;
        var (entries, first) = (head.Blocks.Entries, head.Blocks.First);
        for (var done = 0; done < head.Count; block += format.Bytes(entries, dim), first = 0)
        {
            var end = Math.Min(entries, first + head.Count - done);
            var values = block + format.ValueScalesAt(entries, dim);
            for (var g = 0; g < group; g += 4)
                switch (group - g)
                {
                    case 1: Logits<One>(queries + g * apart, block, entries, channels, head.Scale, scaled, weights + g * Row); break;
                    case 2: Logits<Two>(queries + g * apart, block, entries, channels, head.Scale, scaled, weights + g * Row); break;
                    case 3: Logits<Three>(queries + g * apart, block, entries, channels, head.Scale, scaled, weights + g * Row); break;
                    default: Logits<Four>(queries + g * apart, block, entries, channels, head.Scale, scaled, weights + g * Row); break;
                }
            for (var g = 0; g < group; g++)
            {
                var row = weights + g * Row;
                var before = max[g];
                new Span<float>(row, first).Fill(float.NegativeInfinity);
                if (done == 0) row[first] += head.FirstBias;
                Softening.Soften(row, end, ref max[g], ref sum[g], output + g * width, width);
                new Span<float>(row + end, Row - end).Clear();
                if (head.Weights == null) continue;
                var handed = head.Weights + (long)g * head.WeightsApart;
                if (done > 0 && max[g] > before) Elementwise.Scale(new(handed, done), MathF.Exp(before - max[g]));
                new Span<float>(row + first, end - first).CopyTo(new(handed + done, end - first));
            }
            for (var g = 0; g < group; g += 4)
                switch (group - g)
                {
                    case 1: Values<One>(output + g * width, values, entries, first, end, dim, weights + g * Row, scaled); break;
                    case 2: Values<Two>(output + g * width, values, entries, first, end, dim, weights + g * Row, scaled); break;
                    case 3: Values<Three>(output + g * width, values, entries, first, end, dim, weights + g * Row, scaled); break;
                    default: Values<Four>(output + g * width, values, entries, first, end, dim, weights + g * Row, scaled); break;
                }
            done += end - first;
        }
        for (var g = 0; g < group; g++)
        {
            var factor = head.Max is null ? 1 / sum[g] : 1;
            if (head.Max is not null) (head.Max[g], head.Sum[g]) = (max[g], sum[g]);
            else if (head.Weights != null) Elementwise.Scale(new(head.Weights + (long)g * head.WeightsApart, head.Count), factor);
            for (var i = 0; i < dim; i++) head.Output[g * dim + i] = output[g * width + i] * factor;
        }
    }

    /// <summary>Logits of a block's entries, and garbage behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Logits<TQueries>(float* queries, byte* block, int entries, int channels, float scale, float* scaled, float* logits) where TQueries : struct, IExtent
    {
        ushort* scales = (ushort*)block, zeros = scales + channels;
        var apart = (channels + Lanes - 1) / Lanes * Lanes; // queries are 0 from the last channel on, and what is read there is finite
        Vector512<float> za = default, zb = default, zc = default, zd = default; // sums over channels of q z
        for (var c = 0; c < channels; c += Lanes)
        {
            var (s, z) = (FiniteHalf.Load(scales + c) * scale, FiniteHalf.Load(zeros + c) * scale);
            Weigh(queries + c, s, z, scaled + c, ref za);
            if (TQueries.Count > 1) Weigh(queries + apart + c, s, z, scaled + apart + c, ref zb);
            if (TQueries.Count > 2) Weigh(queries + 2 * apart + c, s, z, scaled + 2 * apart + c, ref zc);
            if (TQueries.Count > 3) Weigh(queries + 3 * apart + c, s, z, scaled + 3 * apart + c, ref zd);
        }
        var bytes = TCodes.Format.RowOf(entries);
        var row = block + 4 * channels;
        Vector512<float> a0 = Vector512.Create(Vector512.Sum(za)), a1 = a0, a2 = a0, a3 = a0, b0 = TQueries.Count > 1 ? Vector512.Create(Vector512.Sum(zb)) : default, b1 = b0, b2 = b0, b3 = b0;
        Vector512<float> c0 = TQueries.Count > 2 ? Vector512.Create(Vector512.Sum(zc)) : default, c1 = c0, c2 = c0, c3 = c0, d0 = TQueries.Count > 3 ? Vector512.Create(Vector512.Sum(zd)) : default, d1 = d0, d2 = d0, d3 = d0;
        var ahead = channels * bytes; // values
        for (var c = 0; c < channels; c++, row += bytes)
        {
            Sse.Prefetch0(row + ahead);
            Vector512<float> k0 = TCodes.Vector(row, 0), k1 = TCodes.Vector(row, 1), k2 = TCodes.Vector(row, 2), k3 = TCodes.Vector(row, 3);
            Four(scaled + c, k0, k1, k2, k3, ref a0, ref a1, ref a2, ref a3);
            if (TQueries.Count > 1) Four(scaled + c + apart, k0, k1, k2, k3, ref b0, ref b1, ref b2, ref b3);
            if (TQueries.Count > 2) Four(scaled + c + 2 * apart, k0, k1, k2, k3, ref c0, ref c1, ref c2, ref c3);
            if (TQueries.Count > 3) Four(scaled + c + 3 * apart, k0, k1, k2, k3, ref d0, ref d1, ref d2, ref d3);
        }
        Store(logits, bytes, a0, a1, a2, a3);
        if (TQueries.Count > 1) Store(logits + Row, bytes, b0, b1, b2, b3);
        if (TQueries.Count > 2) Store(logits + 2 * Row, bytes, c0, c1, c2, c3);
        if (TQueries.Count > 3) Store(logits + 3 * Row, bytes, d0, d1, d2, d3);
    }

    /// <summary>Multiplies sixteen numbers with their groups' scales, and adds their products with the zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weigh(float* numbers, Vector512<float> scales, Vector512<float> zeros, float* scaled, ref Vector512<float> total)
    {
        var sixteen = Vector512.Load(numbers);
        (sixteen * scales).Store(scaled);
        total = Vector512.FusedMultiplyAdd(sixteen, zeros, total);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(float* factor, Vector512<float> k0, Vector512<float> k1, Vector512<float> k2, Vector512<float> k3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3)
    {
        var x = Vector512.Create(*factor);
        s0 = Vector512.FusedMultiplyAdd(x, k0, s0);
        s1 = Vector512.FusedMultiplyAdd(x, k1, s1);
        s2 = Vector512.FusedMultiplyAdd(x, k2, s2);
        s3 = Vector512.FusedMultiplyAdd(x, k3, s3);
    }

    /// <summary>Stores the logits of a query, those of later entries over the garbage behind earlier ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* logits, int bytes, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        switch (TCodes.Format.Bits)
        {
            case 4: (s1, s2) = (s2, s1); break; // first parts first
        }
        s0.Store(logits);
        s1.Store(logits + (TCodes.Format.Bits == 2 ? bytes : 16));
        s2.Store(logits + (TCodes.Format.Bits == 8 ? 32 : TCodes.Format.Bits == 4 ? bytes : 2 * bytes));
        s3.Store(logits + (TCodes.Format.Bits == 8 ? 48 : TCodes.Format.Bits == 4 ? bytes + 16 : 3 * bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Values<TQueries>(float* output, byte* values, int entries, int first, int end, int dim, float* weights, float* scaled) where TQueries : struct, IExtent
    {
        var (groups, width, bytes) = (BlockFormat.GroupsOf(dim), dim + 64, TCodes.Format.RowOf(dim));
        var scales = (ushort*)values;
        var zeros = scales + groups * entries;
        var apart = groups * BlockFormat.Entries;
        for (var part = 0; part < groups; part++)
        {
            Vector512<float> za = default, zb = default, zc = default, zd = default; // sums over entries of p z
            var target = scaled + part * BlockFormat.Entries;
            for (var e = 0; e < end; e += Lanes) // weights beyond the end are 0
            {
                var (s, z) = (FiniteHalf.Load(scales + part * entries + e), FiniteHalf.Load(zeros + part * entries + e));
                Weigh(weights + e, s, z, target + e, ref za);
                if (TQueries.Count > 1) Weigh(weights + Row + e, s, z, target + apart + e, ref zb);
                if (TQueries.Count > 2) Weigh(weights + 2 * Row + e, s, z, target + 2 * apart + e, ref zc);
                if (TQueries.Count > 3) Weigh(weights + 3 * Row + e, s, z, target + 3 * apart + e, ref zd);
            }
            var (channels, to) = (part * BlockFormat.ValueGroup, Math.Min(BlockFormat.ValueGroup, dim - part * BlockFormat.ValueGroup));
            Raise(output + channels, to, za);
            if (TQueries.Count > 1) Raise(output + width + channels, to, zb);
            if (TQueries.Count > 2) Raise(output + 2 * width + channels, to, zc);
            if (TQueries.Count > 3) Raise(output + 3 * width + channels, to, zd);
        }
        var codes = values + 4 * entries * groups;
        for (var at = 0; at < bytes;)
            switch (TCodes.Format.Bits)
            {
                case 8 when bytes - at >= 64: Columns<TQueries, Four>(output, codes, bytes, at, first, end, dim, scaled); at += 64; break;
                case 8 when bytes - at >= 32: Columns<TQueries, Two>(output, codes, bytes, at, first, end, dim, scaled); at += 32; break;
                case 8: Columns<TQueries, One>(output, codes, bytes, at, first, end, dim, scaled); at += 16; break;
                case 4 when bytes - at >= 32: Columns<TQueries, Four>(output, codes, bytes, at, first, end, dim, scaled); at += 32; break;
                case 4: Columns<TQueries, Two>(output, codes, bytes, at, first, end, dim, scaled); at += 16; break;
                default: Columns<TQueries, Four>(output, codes, bytes, at, first, end, dim, scaled); at += 16; break;
            }
    }

    /// <summary>Adds the sum of <paramref name="total"/> to numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Raise(float* numbers, int count, Vector512<float> total)
    {
        var sum = Vector512.Create(Vector512.Sum(total));
        for (var c = 0; c < count; c += Lanes) (Vector512.Load(numbers + c) + sum).Store(numbers + c);
    }

    /// <summary>output[query, channel] += sum_e scaled[query, e] code[e, channel] for the channels of 16 to 64 bytes of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Columns<TQueries, TVectors>(float* output, byte* codes, int bytes, int at, int first, int end, int dim, float* scaled) where TQueries : struct, IExtent where TVectors : struct, IExtent
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        var groups = BlockFormat.GroupsOf(dim);
        var apart = groups * BlockFormat.Entries; // weights of a query to those of the next
        float* w0 = Weights<TVectors>(scaled, bytes, at, 0), w1 = Weights<TVectors>(scaled, bytes, at, 1), w2 = Weights<TVectors>(scaled, bytes, at, 2), w3 = Weights<TVectors>(scaled, bytes, at, 3);
        var row = codes + at + first * bytes;
        var (e, ahead) = (first, dim * BlockFormat.Entries / TCodes.Format.PerByte);
        if (TQueries.Count <= 2)
            for (; e + 1 < end; e += 2, row += 2 * bytes) // two entries side by side, so that sums do not wait for each other
            {
                Sse.Prefetch0(row + ahead);
                Sse.Prefetch0(row + ahead + bytes);
                Load<TVectors>(row, out var v0, out var v1, out var v2, out var v3);
                Load<TVectors>(row + bytes, out var u0, out var u1, out var u2, out var u3);
                Add<TVectors>(w0 + e, w1 + e, w2 + e, w3 + e, v0, v1, v2, v3, ref a0, ref a1, ref a2, ref a3);
                Add<TVectors>(w0 + e + 1, w1 + e + 1, w2 + e + 1, w3 + e + 1, u0, u1, u2, u3, ref c0, ref c1, ref c2, ref c3);
                if (TQueries.Count == 1) continue;
                Add<TVectors>(w0 + e + apart, w1 + e + apart, w2 + e + apart, w3 + e + apart, v0, v1, v2, v3, ref b0, ref b1, ref b2, ref b3);
                Add<TVectors>(w0 + e + 1 + apart, w1 + e + 1 + apart, w2 + e + 1 + apart, w3 + e + 1 + apart, u0, u1, u2, u3, ref d0, ref d1, ref d2, ref d3);
            }
        for (; e < end; e++, row += bytes)
        {
            Sse.Prefetch0(row + ahead);
            Load<TVectors>(row, out var v0, out var v1, out var v2, out var v3);
            Add<TVectors>(w0 + e, w1 + e, w2 + e, w3 + e, v0, v1, v2, v3, ref a0, ref a1, ref a2, ref a3);
            if (TQueries.Count > 1) Add<TVectors>(w0 + e + apart, w1 + e + apart, w2 + e + apart, w3 + e + apart, v0, v1, v2, v3, ref b0, ref b1, ref b2, ref b3);
            if (TQueries.Count > 2) Add<TVectors>(w0 + e + 2 * apart, w1 + e + 2 * apart, w2 + e + 2 * apart, w3 + e + 2 * apart, v0, v1, v2, v3, ref c0, ref c1, ref c2, ref c3);
            if (TQueries.Count > 3) Add<TVectors>(w0 + e + 3 * apart, w1 + e + 3 * apart, w2 + e + 3 * apart, w3 + e + 3 * apart, v0, v1, v2, v3, ref d0, ref d1, ref d2, ref d3);
        }
        if (TQueries.Count <= 2)
        {
            (a0, a1, a2, a3) = (a0 + c0, a1 + c1, a2 + c2, a3 + c3);
            (b0, b1, b2, b3) = (b0 + d0, b1 + d1, b2 + d2, b3 + d3);
        }
        var width = dim + 64;
        Put<TVectors>(output, bytes, at, a0, a1, a2, a3);
        if (TQueries.Count > 1) Put<TVectors>(output + width, bytes, at, b0, b1, b2, b3);
        if (TQueries.Count > 2) Put<TVectors>(output + 2 * width, bytes, at, c0, c1, c2, c3);
        if (TQueries.Count > 3) Put<TVectors>(output + 3 * width, bytes, at, d0, d1, d2, d3);
    }

    /// <summary>The weights that a vector of channels meets: those of the group that it lies in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Weights<TVectors>(float* scaled, int bytes, int at, int index) where TVectors : struct, IExtent =>
        index >= TVectors.Count ? scaled : scaled + (at + TCodes.First(index, bytes)) / BlockFormat.ValueGroup * BlockFormat.Entries;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<TVectors>(byte* row, out Vector512<float> v0, out Vector512<float> v1, out Vector512<float> v2, out Vector512<float> v3) where TVectors : struct, IExtent
    {
        v0 = TCodes.Vector(row, 0);
        v1 = TVectors.Count > 1 ? TCodes.Vector(row, 1) : default;
        v2 = TVectors.Count > 2 ? TCodes.Vector(row, 2) : default;
        v3 = TVectors.Count > 2 ? TCodes.Vector(row, 3) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TVectors>(float* w0, float* w1, float* w2, float* w3, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3) where TVectors : struct, IExtent
    {
        s0 = Vector512.FusedMultiplyAdd(Vector512.Create(*w0), v0, s0);
        if (TVectors.Count > 1) s1 = Vector512.FusedMultiplyAdd(Vector512.Create(*w1), v1, s1);
        if (TVectors.Count > 2) s2 = Vector512.FusedMultiplyAdd(Vector512.Create(*w2), v2, s2);
        if (TVectors.Count > 2) s3 = Vector512.FusedMultiplyAdd(Vector512.Create(*w3), v3, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TVectors>(float* output, int bytes, int at, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3) where TVectors : struct, IExtent
    {
        Put(output, bytes, at, 0, s0);
        if (TVectors.Count > 1) Put(output, bytes, at, 1, s1);
        if (TVectors.Count > 2) Put(output, bytes, at, 2, s2);
        if (TVectors.Count > 2) Put(output, bytes, at, 3, s3);
    }

    /// <summary>Adds the lanes that lie inside the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* output, int bytes, int at, int index, Vector512<float> sum)
    {
        var inside = bytes - at - TCodes.First(index, 0); // bytes of the row from this vector's first on
        if (inside < Lanes) sum = Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(inside)).AsSingle(), sum, Vector512<float>.Zero);
        var target = output + at + TCodes.First(index, bytes);
        (Vector512.Load(target) + sum).Store(target);
    }
}
