using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

/// <summary>Attention over sealed blocks is attention over what they stand for.</summary>
public sealed unsafe class SealedHeadTests
{
    /// <summary>A head's entries in blocks, and the rows they stand for.</summary>
    private sealed record Head(byte[] Blocks, float[] Keys, float[] Values);

    /// <summary>Channels that keys keep when some go, ascending; none: all.</summary>
    internal static ushort[] Channels(int dim, int dropped)
    {
        var random = new Random(dim + dropped);
        return dropped == 0 ? [] : [.. Enumerable.Range(0, dim).OrderBy(_ => random.Next()).Skip(dropped).Order().Select(c => (ushort)c)];
    }

    private static Head Of(int bits, int entries, int dim, int seed, float spread = 1, int dropped = 0)
    {
        var random = new Random(seed);
        float[] Rows(int count, float size) => [.. Enumerable.Range(0, count * dim).Select(i => (random.NextSingle() - 0.4f) * (i % dim == dim / 2 ? size : 1))];
        var (blocks, keys, values) = (new List<byte>(), new List<float>(), new List<float>());
        for (var at = 0; at < entries; at += BlockFormat.Entries)
        {
            var count = Math.Min(BlockFormat.Entries, entries - at);
            var (block, k, v) = BlockSealerTests.Seal(bits, Rows(count, spread), Rows(count, 1), count, dim, Channels(dim, dropped));
            blocks.AddRange(block[..new BlockFormat(bits, dropped).Bytes(count, dim)]);
            keys.AddRange(k);
            values.AddRange(v);
        }
        blocks.AddRange(new byte[SealedHead<Int8Codes>.Slack]);
        return new([.. blocks], [.. keys], [.. values]);
    }

    /// <summary>Runs of a head: its full blocks, then the short one; from <paramref name="first"/> up to <paramref name="end"/>.</summary>
    private static List<Run> Runs(byte* start, BlockFormat format, ushort* channels, int entries, int dim, int first, int end, float* weights, int apart, float bias)
    {
        var (full, runs) = (entries / 64 * 64, new List<Run>());
        if (first < Math.Min(full, end))
            runs.Add(new(start + first / 64 * format.Bytes(64, dim), channels, Math.Min(full, end) - first, bias, weights, apart, new(format, 64, first % 64)));
        if (end > full)
        {
            var skip = Math.Max(0, first - full);
            var before = Math.Max(0, full - first);
            runs.Add(new(start + full / 64 * format.Bytes(64, dim), channels, end - full - skip, runs.Count == 0 ? bias : 0, weights == null ? null : weights + before, apart, new(format, entries - full, skip)));
        }
        return runs;
    }

    internal static void Compare(int bits, int entries, int dim, int group, int first, int end, float spread = 1, int dropped = 0)
    {
        var head = Of(bits, entries, dim, entries + dim, spread, dropped);
        var random = new Random(5);
        float[] queries = [.. Enumerable.Range(0, group * dim).Select(_ => random.NextSingle() - 0.5f)], output = new float[queries.Length], expected = new float[queries.Length];
        var count = end - first;
        float[] weights = new float[group * count], expectedWeights = new float[group * count];
        fixed (byte* blocks = head.Blocks)
        fixed (ushort* channels = Channels(dim, dropped))
        fixed (float* k = head.Keys, v = head.Values, w = weights, e = expectedWeights)
        {
            var runs = Runs(blocks, new(bits, dropped), channels, entries, dim, first, end, w, count, 0.7f);
            RaggedAttention.Decode(queries, new RaggedHeads([.. runs], [0, runs.Count], NumberFormat.BFloat16, dim), output, 0.4f);
            RaggedAttention.Decode(queries, new RaggedHeads([new(k + first * dim, v + first * dim, count, 0.7f, e, count)], [], NumberFormat.Float32, dim), expected, 0.4f);
        }
        for (var i = 0; i < output.Length; i++) Assert.Equal(expected[i], output[i], 2e-5f);
        for (var i = 0; i < weights.Length; i++) Assert.Equal(expectedWeights[i], weights[i], 2e-5f);
    }

    [Theory]
    [InlineData(8), InlineData(4), InlineData(2)]
    public void Every_count(int bits)
    {
        foreach (var entries in (int[])[1, 7, 8, 9, 17, 31, 33, 63, 64, 65, 129, 1000])
            foreach (var dim in (int[])[32, 128])
                Compare(bits, entries, dim, 2, 0, entries);
    }

    /// <summary>Dimensions whose rows are no multiple of sixteen bytes, odd ones, and those of several groups of channels.</summary>
    [Theory]
    [InlineData(8), InlineData(4), InlineData(2)]
    public void Every_dimension(int bits)
    {
        foreach (var dim in (int[])[1, 7, 16, 48, 64, 80, 96, 160, 192, 256])
            foreach (var group in (int[])[1, 2, 3, 4, 5, 8, 11])
                Compare(bits, 150, dim, group, 0, 150);
    }

    /// <summary>A window, or a recall, reads from the middle of a block to the middle of another.</summary>
    [Theory]
    [InlineData(8), InlineData(4), InlineData(2)]
    public void Part_of_the_blocks(int bits)
    {
        foreach (var (first, end) in ((int, int)[])[(0, 1), (5, 9), (16, 32), (63, 64), (63, 65), (40, 100), (64, 128), (127, 129), (130, 131), (1, 2000), (1100, 2040), (2040, 2048), (2050, 2070)])
            Compare(bits, 2070, 32, 2, first, end);
    }

    [Theory]
    [InlineData(8), InlineData(4), InlineData(2)]
    public void One_channel_of_a_thousand(int bits) => Compare(bits, 200, 32, 4, 0, 200, 1000);

    /// <summary>Long heads are shared among threads in parts that do not depend on them.</summary>
    [Theory]
    [InlineData(4, 0), InlineData(4, 12), InlineData(16, 12)]
    public void Threads_do_not_change_bits(int bits, int dropped)
    {
        var head = Of(bits, 9000, 32, 1, 1, dropped);
        float[] queries = [.. Enumerable.Range(0, 64).Select(i => MathF.Sin(i))], all = new float[64], one = new float[64];
        fixed (byte* blocks = head.Blocks)
        fixed (ushort* channels = Channels(32, dropped))
        {
            var runs = Runs(blocks, new(bits, dropped), channels, 9000, 32, 0, 9000, null, 0, 0).ToArray();
            RaggedAttention.Decode(queries, new RaggedHeads(runs, [0, runs.Length], NumberFormat.BFloat16, 32), all, 0.2f);
            var before = KernelThreads.Count;
            try
            {
                KernelThreads.Count = 1;
                RaggedAttention.Decode(queries, new RaggedHeads(runs, [0, runs.Length], NumberFormat.BFloat16, 32), one, 0.2f);
            }
            finally { KernelThreads.Count = before; }
        }
        Assert.Equal(all, one);
    }
}
