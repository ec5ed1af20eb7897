using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

/// <summary>A head that lies in several runs attends as one that lies in one piece.</summary>
public sealed unsafe class RunTests
{
    private const int Dim = 32, Group = 3;

    /// <summary>Runs of one entry, of blocks, longer than a segment, empty ones between: the same to rounding, whatever the cuts.</summary>
    [Theory]
    [InlineData(1, 64, 40), InlineData(7, 1500, 1100), InlineData(64, 1500, 1), InlineData(1100, 3000, 2100)]
    public void However_a_head_is_cut(int longest, int first, int second)
    {
        var random = new Random(3);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
        int[] counts = [first, second];
        var (keys, values, queries) = (Numbers((first + second) * Dim), Numbers((first + second) * Dim), Numbers(2 * Group * Dim));
        float[] whole = new float[queries.Length], cut = new float[queries.Length];
        fixed (float* k = keys, v = values)
        {
            RaggedAttention.Decode(queries, Pieces.Of(k, v, NumberFormat.Float32, Dim, counts, [0, first], [0.5f, -1]), whole, 0.3f);
            var (runs, firstRun, at) = (new List<Run>(), new List<int> { 0 }, 0);
            for (var h = 0; h < 2; h++)
            {
                for (var left = counts[h]; left > 0;)
                {
                    var count = Math.Min(left, 1 + random.Next(longest));
                    runs.Add(new(k + at * Dim, v + at * Dim, count, left == counts[h] ? (h == 0 ? 0.5f : -1) : 0));
                    (at, left) = (at + count, left - count);
                    if (random.Next(3) == 0) runs.Add(new(null, null, 0));
                }
                firstRun.Add(runs.Count);
            }
            Assert.True(runs.Count > 2);
            RaggedAttention.Decode(queries, new RaggedHeads([.. runs], [.. firstRun], NumberFormat.Float32, Dim), cut, 0.3f);
        }
        for (var i = 0; i < whole.Length; i++) Assert.Equal(whole[i], cut[i], 2e-6f);
    }

    /// <summary>A bias counts in the run that has it, at its first entry alone.</summary>
    [Fact]
    public void Each_run_has_its_own_bias()
    {
        float[] zeros = new float[2 * Dim], values = [.. Enumerable.Repeat(1f, Dim), .. Enumerable.Repeat(4f, Dim)], output = new float[Dim];
        fixed (float* k = zeros, v = values)
            RaggedAttention.Decode(new float[Dim], new RaggedHeads([new(k, v, 1), new(k + Dim, v + Dim, 1, MathF.Log(2))], [0, 2], NumberFormat.Float32, Dim), output, 1);
        Assert.All(output, x => Assert.Equal((1 + 2 * 4f) / 3, x, 1e-6f));   // the second counts twice
    }

    [Fact]
    public void A_head_of_empty_runs_holds_nothing()
    {
        var numbers = new float[Dim];
        fixed (float* p = numbers)
        {
            var at = (nint)p;
            Assert.Contains("KV head 1 holds no entries", Assert.Throws<InvalidOperationException>(() => RaggedAttention.Decode(
                new float[2 * Dim], new RaggedHeads([new((void*)at, (void*)at, 1), new((void*)at, (void*)at, 0), new((void*)at, (void*)at, 0)], [0, 1, 3], NumberFormat.Float32, Dim), new float[2 * Dim], 1)).Message);
        }
    }

    /// <summary>A line of the processor's cache, so that a thread which reads another's runs fetches no more than it needs.</summary>
    [Fact]
    public void A_run_takes_a_line() => Assert.Equal(64, sizeof(Run));
}
