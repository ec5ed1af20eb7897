using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

public unsafe class BlockwiseAttentionTests
{
    internal const string NoAvx512 = "no AVX-512 here: the tensor path serves this machine";

    /// <summary>The definition, in double precision: heads beside each other in every row, as a projection leaves them.</summary>
    private static float[] Naive(float[] q, float[] k, float[] v, int queryHeads, int kvHeads, int tokens, int positions, int dim, float scale, int window)
    {
        var output = new float[q.Length];
        for (var h = 0; h < queryHeads; h++)
            for (var t = 0; t < tokens; t++)
            {
                var (head, last) = (h / (queryHeads / kvHeads), positions - tokens + t);
                var first = (int)Math.Max(0L, (long)last - window + 1);
                var logits = new double[last - first + 1];
                for (var j = 0; j < logits.Length; j++)
                    for (var i = 0; i < dim; i++) logits[j] += (double)q[(t * queryHeads + h) * dim + i] * k[((first + j) * kvHeads + head) * dim + i] * scale;
                var max = logits.Max();
                var sum = logits.Sum(x => Math.Exp(x - max));
                for (var i = 0; i < dim; i++)
                {
                    double mixed = 0;
                    for (var j = 0; j < logits.Length; j++) mixed += Math.Exp(logits[j] - max) / sum * v[((first + j) * kvHeads + head) * dim + i];
                    output[(t * queryHeads + h) * dim + i] = (float)mixed;
                }
            }
        return output;
    }

    private static float[] Numbers(int count, int seed, float spread = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * 2 * spread)];
    }

    private static float[] Kernel(float[] q, float[] k, float[] v, int queryHeads, int kvHeads, int tokens, int positions, int dim, float scale, int window)
    {
        var output = new float[q.Length];
        fixed (float* queries = q, keys = k, values = v, result = output)
            BlockwiseAttention.Run(new BlockwiseAttention.Prompt
            {
                Queries = new(queries, dim, queryHeads * dim), Output = new(result, dim, queryHeads * dim),
                Keys = new(keys, dim, kvHeads * dim), Values = new(values, dim, kvHeads * dim),
                QueryHeads = queryHeads, KvHeads = kvHeads, Tokens = tokens, Positions = positions, Dim = dim, Scale = scale, Window = window,
            });
        return output;
    }

    /// <summary>Lengths around the edges of blocks (48) and panels (64), groups, pieces that continue a cache, windows, dimensions with and without a rest of 16.</summary>
    [Theory]
    [InlineData(1, 1, 1, 1, 16, int.MaxValue)]
    [InlineData(2, 2, 48, 48, 32, int.MaxValue)]
    [InlineData(2, 1, 49, 49, 32, int.MaxValue)]
    [InlineData(8, 4, 193, 193, 32, int.MaxValue)]
    [InlineData(4, 2, 64, 64, 64, int.MaxValue)]
    [InlineData(4, 1, 65, 300, 128, int.MaxValue)]
    [InlineData(2, 2, 7, 500, 80, int.MaxValue)]
    [InlineData(2, 1, 130, 130, 48, int.MaxValue)]
    [InlineData(1, 1, 97, 97, 256, int.MaxValue)]
    [InlineData(4, 2, 200, 200, 64, 1)]
    [InlineData(4, 2, 200, 200, 64, 50)]
    [InlineData(4, 2, 200, 330, 32, 64)]
    [InlineData(4, 2, 150, 150, 32, 150)]
    public void EqualsTheDefinition(int queryHeads, int kvHeads, int tokens, int positions, int dim, int window)
    {
        Assert.SkipUnless(BlockwiseAttention.Supports(dim), NoAvx512);
        float[] q = Numbers(tokens * queryHeads * dim, 1, 3), k = Numbers(positions * kvHeads * dim, 2, 3), v = Numbers(positions * kvHeads * dim, 3);
        var scale = 1 / MathF.Sqrt(dim);
        var expected = Naive(q, k, v, queryHeads, kvHeads, tokens, positions, dim, scale, window);
        var found = Kernel(q, k, v, queryHeads, kvHeads, tokens, positions, dim, scale, window);
        for (var i = 0; i < expected.Length; i++) Assert.True(MathF.Abs(expected[i] - found[i]) <= 1e-5f, $"number {i}: {found[i]} instead of {expected[i]}");
    }

    /// <summary>Logits of a thousand and more, growing from key to key, so that every panel brings a new maximum.</summary>
    [Fact]
    public void LargeGrowingLogitsStayExact()
    {
        const int n = 200, dim = 32;
        Assert.SkipUnless(BlockwiseAttention.Supports(dim), NoAvx512);
        var (q, k, v) = (new float[n * dim], new float[n * dim], Numbers(n * dim, 5));
        for (var t = 0; t < n; t++) (q[t * dim], k[t * dim]) = (100, t);
        var expected = Naive(q, k, v, 1, 1, n, n, dim, 1, int.MaxValue);
        var found = Kernel(q, k, v, 1, 1, n, n, dim, 1, int.MaxValue);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], 1e-5f);
    }

    [Fact]
    public void RefusesWhatDoesNotFit()
    {
        var numbers = new float[64];
        Assert.Throws<ArgumentException>(() => Kernel(numbers, numbers, numbers, 1, 1, 2, 1, 32, 1, int.MaxValue)); // more tokens than positions
        Assert.Throws<ArgumentException>(() => Kernel(numbers, numbers, numbers, 3, 2, 1, 1, 16, 1, int.MaxValue));
        Assert.Throws<ArgumentException>(() => Kernel(numbers, numbers, numbers, 1, 1, 1, 1, 24, 1, int.MaxValue));
        Assert.Throws<ArgumentException>(() => Kernel(numbers, numbers, numbers, 1, 1, 1, 1, 32, 1, 0));
    }
}
