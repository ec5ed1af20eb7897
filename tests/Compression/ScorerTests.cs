using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Scores in plain loops, for two query heads to a KV head, with every reduction and with a sliding window.</summary>
public sealed class ScorerTests : IDisposable
{
    private const int N = 40, KvHeads = 2, QueryHeads = 4, Dim = 8, Window = 6;
    private const float Scale = 0.35f;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static LayerView Layer(int? sliding = null) =>
        new(1, RandomTensors.Make(KvHeads, N, Dim, 1), RandomTensors.Make(KvHeads, N, Dim, 2), RandomTensors.Make(QueryHeads, N, Dim, 3), Scale, sliding);

    private static float[] Numbers(Tensor t) => MemoryMarshal.Cast<byte, float>(t.contiguous().bytes).ToArray();

    private static float[][] Score(IScorer scorer, LayerView layer, int heads)
    {
        var scores = new float[heads * N];
        scorer.Score(layer, Window, new HeadRows<float>(scores, heads, N));
        return [.. scores.Chunk(N)];
    }

    /// <summary>Mean attention of the last rows, by query head.</summary>
    private static double[][] Attention(LayerView layer, int rows)
    {
        var (q, k) = (Numbers(layer.Queries), Numbers(layer.Keys));
        return [.. Enumerable.Range(0, QueryHeads).Select(h =>
        {
            var mean = new double[N];
            for (var t = N - rows; t < N; t++)
            {
                var first = layer.SlidingWindow is { } window ? Math.Max(0, t - window + 1) : 0;
                var weights = new double[N];
                for (var j = first; j <= t; j++)
                {
                    double dot = 0;
                    for (var i = 0; i < Dim; i++) dot += (double)q[(h * N + t) * Dim + i] * k[(h / 2 * N + j) * Dim + i];
                    weights[j] = Math.Exp(dot * Scale);
                }
                for (var j = first; j <= t; j++) mean[j] += weights[j] / weights.Sum() / rows;
            }
            return mean;
        })];
    }

    [Theory]
    [InlineData(GroupReduction.Mean, null), InlineData(GroupReduction.Max, null), InlineData(GroupReduction.Sum, null), InlineData(GroupReduction.Mean, 7), InlineData(GroupReduction.Max, 34), InlineData(GroupReduction.Mean, 1), InlineData(GroupReduction.Mean, 40)]
    public void A_window_votes_by_head_and_group(GroupReduction reduction, int? sliding)
    {
        var layer = Layer(sliding);
        var byQuery = Attention(layer, Window);
        var scorer = new SnapKv(new Pooling(1), reduction);
        Same(byQuery, Score(scorer, layer, QueryHeads));
        Same(Reduced(byQuery, reduction), Score(scorer, layer, KvHeads));
        Same(Reduced(Attention(layer, N), reduction), Score(new H2O(reduction), layer, KvHeads));
    }

    [Theory]
    [InlineData(null), InlineData(7)]
    public void TOVA_averages_the_last_row_over_all_heads(int? sliding)
    {
        var layer = Layer(sliding);
        var last = Attention(layer, 1);
        var mean = Enumerable.Range(0, N).Select(j => last.Average(row => row[j])).ToArray();
        Same([mean, mean], Score(new Tova(), layer, KvHeads));
        Same([mean, mean, mean, mean], Score(new Tova(), layer, QueryHeads));
    }

    [Fact]
    public void Knorm_reads_the_KV_head_of_the_query_head()
    {
        var layer = Layer();
        var keys = Numbers(layer.Keys);
        double[] Norm(int head) => [.. Enumerable.Range(0, N).Select(j => -Math.Sqrt(Enumerable.Range(0, Dim).Sum(i => Math.Pow(keys[(head * N + j) * Dim + i], 2))))];
        Same([Norm(0), Norm(1)], Score(new Knorm(), layer, KvHeads));
        Same([Norm(0), Norm(0), Norm(1), Norm(1)], Score(new Knorm(), layer, QueryHeads));
    }

    [Theory]
    [InlineData(0), InlineData(4), InlineData(100)]
    public void Sinks_come_before_the_latest(int sinks)
    {
        foreach (var row in Score(new SinksAndRecent(sinks), Layer(), KvHeads))
        {
            var order = Enumerable.Range(0, N).OrderByDescending(j => row[j]).ToArray();
            Assert.Equal([.. Enumerable.Range(0, Math.Min(N, sinks)), .. Enumerable.Range(0, N).Where(j => j >= sinks).Reverse()], order);
        }
    }

    [Fact]
    public void Seed_layer_and_head_each_draw_anew()
    {
        var layer = Layer();
        var draws = (from seed in (int[])[0, 1, 2] from number in (int[])[0, 1, 2] from row in Score(new RandomScorer(seed), layer with { Layer = number }, QueryHeads) select string.Join(' ', row)).ToArray();
        Assert.Equal(3 * 3 * QueryHeads, draws.Distinct().Count());
        Assert.Equal(Score(new RandomScorer(2), layer, QueryHeads), Score(new RandomScorer(2), layer, QueryHeads));
    }

    [Fact]
    public void Scorers_ask_for_the_queries_they_read()
    {
        Assert.Equal([new(Window), new() { Sums = [AttentionSum.Received] }, new(1), new(), new(), new()], ((IScorer[])[new SnapKv(), new H2O(), new Tova(), new Knorm(), new SinksAndRecent(), new RandomScorer()]).Select(s => s.Needs(Window)));
        Assert.Contains("6 queries vote, the prefill handed over 5",
            Assert.Throws<InvalidOperationException>(() => Score(new SnapKv(), Layer() with { Queries = RandomTensors.Make(QueryHeads, 5, Dim, 3) }, KvHeads)).Message);
    }

    /// <summary>The prefill hands over the last queries only: the same scores as from all of them.</summary>
    [Fact]
    public void The_last_queries_are_enough()
    {
        var layer = Layer();
        foreach (var seen in (int[])[Window, Window + 3])
            Assert.Equal(Score(new SnapKv(), layer, KvHeads), Score(new SnapKv(), layer with { Queries = layer.Queries.narrow(1, N - seen, seen) }, KvHeads));
    }

    private static double[][] Reduced(double[][] heads, GroupReduction reduction) =>
        [.. heads.Chunk(2).Select(pair => pair[0].Zip(pair[1], (a, b) => reduction switch { GroupReduction.Mean => (a + b) / 2, GroupReduction.Max => Math.Max(a, b), _ => a + b }).ToArray())];

    private static void Same(double[][] expected, float[][] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (var h = 0; h < expected.Length; h++)
            for (var j = 0; j < N; j++) Assert.Equal(expected[h][j], found[h][j], 1e-5);
    }
}
