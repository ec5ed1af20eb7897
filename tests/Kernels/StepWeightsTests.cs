using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using HeadKvLab.Tests.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Kernels;

/// <summary>Attention weights as the decode kernel hands them over: the softmax, entry by entry, and the output is what it is without them, to the last bit.</summary>
public sealed unsafe class StepWeightsTests
{
    public static TheoryData<int, int, int> Shapes => new() { { 16, 1, 1 }, { 16, 2, 7 }, { 64, 4, 130 }, { 48, 3, 517 }, { 24, 5, 333 }, { 128, 7, 2600 }, { 1024, 1, 90 }, { 5, 2, 64 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void They_are_the_softmax(int dim, int group, int entries)
    {
        var random = new Random(5);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 4 - 2)];
        var (keys, values, queries) = (Numbers(entries * dim), Numbers(entries * dim), Numbers(group * dim));
        float[] with = new float[queries.Length], without = new float[queries.Length], weights = new float[group * (entries + 1)];
        Array.Fill(weights, 9);
        fixed (float* k = keys, v = values, w = weights)
        {
            RaggedAttention.Decode(queries, new RaggedHeads([new(k, v, entries, 0.5f)], [], NumberFormat.Float32, dim), without, 0.4f);
            RaggedAttention.Decode(queries, new RaggedHeads([new(k, v, entries, 0.5f, w, entries + 1)], [], NumberFormat.Float32, dim), with, 0.4f);
        }
        Assert.Equal(without, with);
        for (var g = 0; g < group; g++)
        {
            var logits = Enumerable.Range(0, entries).Select(j => 0.4 * Enumerable.Range(0, dim).Sum(i => (double)queries[g * dim + i] * keys[j * dim + i]) + (j == 0 ? 0.5 : 0)).ToArray();
            var (top, sum) = (logits.Max(), logits.Sum(x => Math.Exp(x - logits.Max())));
            for (var j = 0; j < entries; j++) Assert.Equal(Math.Exp(logits[j] - top) / sum, weights[g * (entries + 1) + j], 3e-6);
            Assert.Equal(9, weights[g * (entries + 1) + entries]);   // nothing is written beside
        }
    }

    /// <summary>The same weights, added to sums: some of the entries, whole segments, none; squares; what lies beside is left alone.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void They_are_added_up_where_a_sum_wants_them(int dim, int group, int entries)
    {
        var random = new Random(6);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 4 - 2)];
        var (keys, values, queries) = (Numbers(entries * dim), Numbers(entries * dim), Numbers(group * dim));
        for (var j = entries / 2; j < entries; j++) keys[j * dim] += 9 * queries[0];     // the maximum rises late
        float[] output = new float[queries.Length], plain = new float[queries.Length], weights = new float[group * entries], scratch = new float[group * entries];
        var apart = entries + 5;
        fixed (float* k = keys, v = values, w = weights, r = scratch)
        {
            RaggedAttention.Decode(queries, new RaggedHeads([new(k, v, entries, 0, w, entries)], [], NumberFormat.Float32, dim), plain, 0.4f);
            foreach (var (first, end) in ((int, int)[])[(0, entries), (-3, entries + 2), (entries / 3, entries), (0, entries - 1), (entries - 1, entries), (entries, 0)])
                foreach (var squares in (bool[])[false, true])
                {
                    var (sums, before) = (Numbers(group * apart), Array.Empty<float>());
                    before = [.. sums];
                    fixed (float* s = sums)
                    {
                        var sum = new RunSum(s, apart, first, end, squares);
                        var run = new Run(k, v, entries, 0, r, entries) { Sum = &sum };
                        RaggedAttention.Decode(queries, new RaggedHeads([run], [], NumberFormat.Float32, dim), output, 0.4f);
                    }
                    Assert.Equal(plain, output);
                    for (var i = 0; i < sums.Length; i++)
                    {
                        var (g, j) = (i / apart, i % apart);
                        var weight = j < entries && j >= first && j < end ? (double)weights[g * entries + j] : 0;
                        var expected = before[i] + (squares ? weight * weight : weight);
                        if (weight == 0) Assert.Equal(before[i], sums[i]);
                        else Assert.Equal(expected, sums[i], 1e-6);
                    }
                }
        }
    }

    /// <summary>Heads of unequal length, a sliding window, query heads that share: each row is of its own head, its invisible entries are 0.</summary>
    [Theory]
    [InlineData(null), InlineData(9)]
    public void A_layer_lays_them_out_by_head(int? window)
    {
        using var scope = NewDisposeScope();
        using var cache = new RaggedCache(new CacheShape(1, 2, 16, ScalarType.BFloat16));
        int[][] kept = [[0, 3, 10, 11, 12, 13], [.. Enumerable.Range(0, 14)]];
        cache[0].Store(RandomTensors.Make(2, 14, 16, 1), RandomTensors.Make(2, 14, 16, 2), kept);
        var queries = RandomTensors.Make(4, 1, 16, 3).data<float>().ToArray();
        float[] output = new float[64], plain = new float[64], numbers = new float[cache[0].WeightsOf(4)];
        Assert.Equal(2 * (6 + 14), numbers.Length);
        cache[0].Attend(queries, plain, 0.25f, window);
        cache[0].Attend(queries, output, 0.25f, window, numbers);
        Assert.Equal(plain, output);
        var weights = new StepWeights(numbers, cache[0].Counts, 2);
        for (var q = 0; q < 4; q++)
        {
            var row = weights[q].ToArray();
            var values = cache[0].ValuesOf(q / 2).to(ScalarType.Float32).data<float>().ToArray();
            Assert.Equal(kept[q / 2].Length, row.Length);
            Assert.Equal(1, row.Sum(), 5e-6);
            for (var j = 0; j < row.Length; j++) Assert.Equal(window is null || kept[q / 2][j] > 13 - 9, row[j] > 0);
            for (var i = 0; i < 16; i++) Assert.Equal(Enumerable.Range(0, row.Length).Sum(j => row[j] * values[j * 16 + i]), output[q * 16 + i], 1e-5f);   // they are what the values were mixed by
        }
        Assert.Contains("room for 3 weights", Assert.Throws<ArgumentException>(() => cache[0].Attend(queries, output, 0.25f, window, numbers.AsSpan(0, 3))).Message);
    }
}
