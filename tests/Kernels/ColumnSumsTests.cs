using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

/// <summary>
/// What a key receives: with 3 queries and equal logits, rows (1), (1/2, 1/2), (1/3, 1/3, 1/3): sums 11/6, 5/6, 1/3, together 3.
/// Of queries fewer than 2 behind: 3/2, 5/6, 1/3. Squares: 1 + 1/4 + 1/9, 1/4 + 1/9, 1/9; of queries at least 1 behind: 1/4 + 1/9, 1/9, 0.
/// </summary>
public unsafe class ColumnSumsTests
{
    private static readonly Over All = new(1, 0, int.MaxValue);

    /// <summary>A power, and the queries that count: at least From, and fewer than Below, positions behind the key.</summary>
    private readonly record struct Over(int Power, int From, int Below);

    private sealed record Case(int QueryHeads, int KvHeads, int Tokens, int Positions, int Dim, int Window = int.MaxValue, float Scale = 1)
    {
        public float[] Queries { get; init; } = Numbers(QueryHeads * Tokens * Dim, 1);

        public float[] Keys { get; init; } = Numbers(KvHeads * Positions * Dim, 2);

        /// <summary>Sums of the softmax, <c>[queryHead, position]</c>, as the definition has them, in double precision.</summary>
        public double[] Naive(Over over)
        {
            var sums = new double[QueryHeads * Positions];
            for (var h = 0; h < QueryHeads; h++)
                for (var t = 0; t < Tokens; t++)
                {
                    var (head, last) = (h / (QueryHeads / KvHeads), Positions - Tokens + t);
                    var first = (int)Math.Max(0L, (long)last - Window + 1);
                    var logits = new double[last - first + 1];
                    for (var j = 0; j < logits.Length; j++)
                        for (var i = 0; i < Dim; i++) logits[j] += (double)Queries[(h * Tokens + t) * Dim + i] * Keys[(head * Positions + first + j) * Dim + i] * Scale;
                    var max = logits.Max();
                    var sum = logits.Sum(x => Math.Exp(x - max));
                    for (var j = 0; j < logits.Length; j++)
                        if (last - first - j >= over.From && last - first - j < over.Below) sums[h * Positions + first + j] += Math.Pow(Math.Exp(logits[j] - max) / sum, over.Power);
                }
            return sums;
        }

        /// <summary>What the kernel adds up, and what it mixes.</summary>
        public (float[] Sums, float[] Mixed) Kernel(int threads = 2) => Kernel(threads, All) is var (sums, mixed) ? (sums[0], mixed) : default;

        /// <summary>The same of several sums, or of none.</summary>
        public (float[][] Sums, float[] Mixed) Kernel(int threads, params Over[] wanted)
        {
            var (values, mixed, sums) = (Numbers(KvHeads * Positions * Dim, 3), new float[QueryHeads * Tokens * Dim], new float[wanted.Length * QueryHeads * Positions]);
            Array.Fill(sums, float.NaN);   // every number must be written
            using var team = new WorkerTeam(threads);
            fixed (float* q = Queries, k = Keys, v = values, m = mixed, s = sums)
            {
                var places = stackalloc ColumnSum[wanted.Length];
                for (var w = 0; w < wanted.Length; w++) places[w] = new() { Target = s + w * QueryHeads * Positions, Power = wanted[w].Power, From = wanted[w].From, Below = wanted[w].Below };
                BlockwiseAttention.Run(new BlockwiseAttention.Prompt
                {
                    Queries = new(q, Tokens * Dim, Dim), Keys = new(k, Positions * Dim, Dim), Values = new(v, Positions * Dim, Dim), Output = new(m, Tokens * Dim, Dim),
                    QueryHeads = QueryHeads, KvHeads = KvHeads, Tokens = Tokens, Positions = Positions, Dim = Dim, Scale = Scale, Window = Window, Wanted = places, WantedCount = wanted.Length,
                }, team);
            }
            return ([.. sums.Chunk(QueryHeads * Positions)], mixed);
        }

        public void Check(double relative)
        {
            Assert.SkipUnless(BlockwiseAttention.Supports(Dim), BlockwiseAttentionTests.NoAvx512);
            Over[] wanted = [All, new(1, 0, 1), new(1, 0, 70), new(1, 0, Positions), new(2, 0, int.MaxValue), new(2, 10, int.MaxValue), new(2, 65, 130)];
            var all = Kernel(2, wanted).Sums;
            for (var w = 0; w < wanted.Length; w++)
            {
                var (expected, found) = (Naive(wanted[w]), all[w]);
                for (var i = 0; i < expected.Length; i++)
                    Assert.True(Math.Abs(expected[i] - found[i]) <= wanted[w].Power * relative * expected[i] + 1e-6, $"{wanted[w]}, head {i / Positions}, position {i % Positions}: {found[i]} instead of {expected[i]}");
            }
            foreach (var head in all[0].Chunk(Positions)) Assert.Equal(Tokens, head.Sum(x => (double)x), 1e-5 * Tokens);
            Assert.Equal(all[0], all[3]);             // a band as wide as the prompt is no band
            Assert.Equal(all[0], Kernel().Sums);      // and sums do not know of each other
        }
    }

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * 6)];
    }

    /// <summary>Lengths around the edges of blocks (48 rows) and panels (64 keys), groups, more stripes than blocks and fewer, pieces that continue a cache, windows.</summary>
    [Theory]
    [InlineData(1, 1, 1, 1, 16, int.MaxValue)]
    [InlineData(2, 2, 48, 48, 32, int.MaxValue)]
    [InlineData(4, 2, 64, 64, 64, int.MaxValue)]
    [InlineData(2, 1, 49, 49, 32, int.MaxValue)]
    [InlineData(8, 2, 193, 193, 32, int.MaxValue)]
    [InlineData(64, 8, 433, 433, 16, int.MaxValue)]
    [InlineData(130, 1, 150, 150, 16, int.MaxValue)]
    [InlineData(4, 1, 65, 300, 128, int.MaxValue)]
    [InlineData(2, 2, 7, 500, 80, int.MaxValue)]
    [InlineData(4, 2, 200, 200, 64, 1)]
    [InlineData(4, 2, 200, 200, 64, 50)]
    [InlineData(4, 2, 300, 430, 32, 64)]
    [InlineData(4, 4, 150, 150, 32, 150)]
    public void EqualTheDefinition(int queryHeads, int kvHeads, int tokens, int positions, int dim, int window) =>
        new Case(queryHeads, kvHeads, tokens, positions, dim, window, 1 / MathF.Sqrt(dim)).Check(1e-5);

    /// <summary>Logits up to about two hundred: single precision knows them to 1e-5, and so their exponentials.</summary>
    [Fact]
    public void LargeLogitsKeepThePrecisionOfTheLogits() => new Case(4, 2, 333, 333, 128, Scale: 0.5f).Check(2e-4);

    /// <summary>Every panel brings new maxima, hundreds above those before it: what earlier panels left must vanish, not overflow.</summary>
    [Theory]
    [InlineData(1f), InlineData(-1f), InlineData(0.03f), InlineData(-0.03f)]
    public void GrowingAndFallingLogitsAreExact(float slope)
    {
        const int n = 500, dim = 16;
        var (q, k) = (new float[n * dim], new float[n * dim]);
        for (var t = 0; t < n; t++) (q[t * dim], k[t * dim]) = (4, slope * t);
        new Case(1, 1, n, n, dim) { Queries = q, Keys = k }.Check(1e-4);
    }

    /// <summary>One key takes everything from all who see it, whichever panel it lies in.</summary>
    [Theory]
    [InlineData(0), InlineData(63), InlineData(64), InlineData(200), InlineData(299)]
    public void OneKeyMayTakeAll(int position)
    {
        const int n = 300, dim = 32;
        var (q, k) = (new float[2 * n * dim], Numbers(n * dim, 4));
        for (var t = 0; t < 2 * n; t++) q[t * dim] = 1;
        k[position * dim] = 500;
        var one = new Case(2, 1, n, n, dim) { Queries = q, Keys = k };
        one.Check(1e-5);
        Assert.Equal(n - position, one.Kernel().Sums[n + position]);
    }

    /// <summary>Equal logits have an answer on paper: key j receives 1/(t+1) of every query t from j on; no rounding piles up over 8,192 of them.</summary>
    [Fact]
    public void EightThousandQueriesAddUpExactly()
    {
        const int n = 8192, dim = 16;
        Assert.SkipUnless(BlockwiseAttention.Supports(dim), BlockwiseAttentionTests.NoAvx512);
        var found = new Case(1, 1, n, n, dim) { Keys = new float[n * dim] }.Kernel().Sums;
        double expected = 0;
        for (var j = n - 1; j >= 0; j--) Assert.Equal(1, found[j] / (expected += 1.0 / (j + 1)), 1e-6);
    }

    /// <summary>Fewer heads than threads, and more: the same bits, and the mixed values those of a prefill that adds nothing up.</summary>
    [Theory]
    [InlineData(1, 1), InlineData(4, 2), InlineData(24, 8)]
    public void ThreadsChangeNothing(int queryHeads, int kvHeads)
    {
        Assert.SkipUnless(BlockwiseAttention.Supports(32), BlockwiseAttentionTests.NoAvx512);
        var prompt = new Case(queryHeads, kvHeads, 1001, 1001, 32, Scale: 0.2f);
        var (sums, mixed) = prompt.Kernel(threads: 1);
        foreach (var threads in new[] { 2, 3, 16 }) Assert.Equal(sums, prompt.Kernel(threads).Sums);
        Over[] wanted = [new(1, 0, 100), new(2, 10, int.MaxValue)];
        Assert.Equal(prompt.Kernel(1, wanted).Sums, prompt.Kernel(16, wanted).Sums);
        Assert.Equal(mixed, prompt.Kernel(3, []).Mixed);
        Assert.Equal(mixed, prompt.Kernel(3, wanted).Mixed);
        Assert.Equal(mixed, prompt.Kernel(threads: 3).Mixed);
    }

    /// <summary>The example of the head, on paper.</summary>
    [Fact]
    public void ThreeQueriesOnPaper()
    {
        Assert.SkipUnless(BlockwiseAttention.Supports(16), BlockwiseAttentionTests.NoAvx512);
        var sums = new Case(1, 1, 3, 3, 16) { Keys = new float[3 * 16] }.Kernel(1, All, new(1, 0, 2), new(2, 0, int.MaxValue), new(2, 1, int.MaxValue), new(1, 3, 9)).Sums;
        float[][] expected = [[11f / 6, 5f / 6, 1f / 3], [1.5f, 5f / 6, 1f / 3], [49f / 36, 13f / 36, 1f / 9], [13f / 36, 1f / 9, 0], [0, 0, 0]];
        for (var s = 0; s < expected.Length; s++)
            for (var j = 0; j < 3; j++) Assert.Equal(expected[s][j], sums[s][j], 1e-6f);
    }

    [Theory]
    [InlineData(0, 0, 5), InlineData(3, 0, 5), InlineData(1, -1, 5), InlineData(1, 5, 5)]
    public void ASumThatIsNoneIsRefused(int power, int from, int below)
    {
        Assert.SkipUnless(BlockwiseAttention.Supports(16), BlockwiseAttentionTests.NoAvx512);
        Assert.Contains($"sum 0: a power of {power}", Assert.Throws<ArgumentException>(() => new Case(1, 1, 3, 3, 16).Kernel(1, new Over(power, from, below))).Message);
    }
}
