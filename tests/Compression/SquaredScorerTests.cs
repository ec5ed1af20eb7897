using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>
/// KV-Compress' metric. On paper (methods' case 6): x receives (.6, 0) from two queries, y (.35, .35): by sums y is kept, .70 over .60, by squares x, .36 over .245.
/// Query heads (1 0 0) and (0 0 1), pooled over 3: per head and then summed (1 2 1), summed and then pooled (1 1 1).
/// </summary>
public sealed class SquaredScorerTests : IDisposable
{
    private const int N = 40, KvHeads = 2, QueryHeads = 4, Dim = 8, Window = 6;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static LayerView Layer(int? sliding) =>
        new(1, RandomTensors.Make(KvHeads, N, Dim, 1), RandomTensors.Make(KvHeads, N, Dim, 2), RandomTensors.Make(QueryHeads, N, Dim, 3), 0.35f, sliding);

    private static float[][] Score(IScorer scorer, LayerView layer, int heads, int window = Window)
    {
        var scores = new float[heads * layer.Length];
        Array.Fill(scores, float.NaN);   // every number must be written
        scorer.Score(layer, window, new HeadRows<float>(scores, heads, layer.Length));
        return [.. scores.Chunk(layer.Length)];
    }

    [Fact]
    public void Squares_keep_what_one_query_wants_much()
    {
        float ln(double x) => (float)Math.Log(x);
        var keys = tensor(new[] { ln(.6), -50, ln(.35), ln(.35), ln(.05), ln(.65), -50, -50, -50, -50 }, 1, 5, 2);   // x, y, the rest, and the window
        var layer = new LayerView(0, keys, keys, tensor(new[] { 1f, 0, 0, 1 }, 1, 2, 2), 1);
        var (squares, sums) = (Score(new SquaredWindow(new Pooling(1)), layer, 1, 2)[0], Score(new SnapKv(new Pooling(1)), layer, 1, 2)[0]);
        Assert.Equal([.36f, .245f, .425f], squares[..3].Select(x => MathF.Round(x, 5)));
        Assert.True(squares[0] > squares[1] && sums[0] < sums[1]);
    }

    [Fact]
    public void Each_query_head_is_pooled_before_the_group_is_summed()
    {
        var any = zeros(1, 3, 2);
        var layer = new LayerView(0, any, any, zeros(2, 3, 2), 1, Sums: new Dictionary<AttentionSum, Tensor> { [AttentionSum.Squares()] = tensor(new[] { 1f, 0, 0, 0, 0, 1 }, 2, 3) });
        Assert.Equal([1f, 2, 1], Score(new SquaredWindow(new Pooling(3)), layer, 1, 3)[0]);
        Assert.Equal([[1f, 1, 0], [0f, 1, 1]], Score(new SquaredWindow(new Pooling(3)), layer, 2, 3));
    }

    [Theory]
    [InlineData(null, 7), InlineData(null, 1), InlineData(5, 3), InlineData(40, 7), InlineData(34, 5)]
    public void A_window_is_as_in_plain_loops(int? sliding, int kernel)
    {
        var layer = Layer(sliding);
        var squares = Squares(layer, Window, 0).Select(row => Pooled(row, kernel)).ToArray();
        Same(squares, Score(new SquaredWindow(new Pooling(kernel)), layer, QueryHeads));
        Same(Grouped(squares), Score(new SquaredWindow(new Pooling(kernel)), layer, KvHeads));
        Same(Grouped(squares), Score(new SquaredWindow(new Pooling(kernel)), layer with { Queries = layer.Queries.narrow(1, N - Window, Window) }, KvHeads));
    }

    [Theory]
    [InlineData(null, 0), InlineData(null, 1), InlineData(null, 10), InlineData(7, 3), InlineData(7, 7), InlineData(null, 100)]
    public void All_queries_are_as_in_plain_loops(int? sliding, int buffer)
    {
        var layer = Layer(sliding);
        var squares = Squares(layer, N, buffer);
        Same(squares, Score(new SquaredAll(buffer), layer, QueryHeads));
        Same(Grouped(squares), Score(new SquaredAll(buffer), layer, KvHeads));
        if (buffer > 0) Assert.All(Score(new SquaredAll(buffer), layer, KvHeads), row => Assert.All(row[Math.Max(0, N - buffer)..], x => Assert.Equal(0, x)));
    }

    [Fact]
    public void They_ask_for_what_they_read()
    {
        Assert.Equal(new ScorerNeeds(Window), new SquaredWindow().Needs(Window));
        Assert.Equal(new ScorerNeeds() { Sums = [AttentionSum.Squares(10)] }, new SquaredAll().Needs(Window));
        Assert.Equal(new SquaredAll(3), new SquaredAll(3));
        Assert.NotEqual(new SquaredAll(3), new SquaredAll(4));
        Assert.Contains("0 or more", Assert.Throws<LabException>(() => new SquaredAll(-1)).Message);
        var some = Layer(null) with { Queries = RandomTensors.Make(QueryHeads, 5, Dim, 3) };
        Assert.Contains("handed over 5", Assert.Throws<InvalidOperationException>(() => Score(new SquaredWindow(), some, KvHeads)).Message);
        Assert.Contains("handed over 5", Assert.Throws<InvalidOperationException>(() => Score(new SquaredAll(), some, KvHeads)).Message);
    }

    /// <summary>Squares of the last rows' attention to keys at least a buffer back, by query head.</summary>
    private static double[][] Squares(LayerView layer, int rows, int buffer) => [.. DenseAttention.Of(layer).Select(map =>
    {
        var sum = new double[N];
        for (var t = N - rows; t < N; t++)
            for (var j = 0; j <= t - buffer; j++) sum[j] += map[t][j] * map[t][j];
        return sum;
    })];

    private static double[] Pooled(double[] row, int kernel) =>
        [.. Enumerable.Range(0, N).Select(j => row[Math.Max(0, j - kernel / 2)..Math.Min(N, j + kernel / 2 + 1)].Max())];

    private static double[][] Grouped(double[][] heads) => [.. heads.Chunk(2).Select(pair => pair[0].Zip(pair[1], (a, b) => a + b).ToArray())];

    private static void Same(double[][] expected, float[][] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (var h = 0; h < expected.Length; h++)
            for (var j = 0; j < N; j++) Assert.Equal(expected[h][j], found[h][j], 1e-5);
    }
}

/// <summary>Attention maps in plain loops and double precision.</summary>
internal static class DenseAttention
{
    /// <summary>The causal map of each query head, <c>[queryHead][query][position]</c>, of a layer with the queries of all positions.</summary>
    public static double[][][] Of(LayerView layer)
    {
        var (heads, n, dim) = ((int)layer.Queries.shape[0], layer.Length, (int)layer.Keys.shape[2]);
        var group = heads / (int)layer.Keys.shape[0];
        var (q, k) = (MemoryMarshal.Cast<byte, float>(layer.Queries.contiguous().bytes).ToArray(), MemoryMarshal.Cast<byte, float>(layer.Keys.contiguous().bytes).ToArray());
        return [.. Enumerable.Range(0, heads).Select(h => Enumerable.Range(0, n).Select(t =>
        {
            var row = new double[n];
            for (var j = layer.SlidingWindow is { } window ? Math.Max(0, t - window + 1) : 0; j <= t; j++)
            {
                double dot = 0;
                for (var i = 0; i < dim; i++) dot += (double)q[(h * n + t) * dim + i] * k[(h / group * n + j) * dim + i];
                row[j] = Math.Exp(dot * layer.Scale);
            }
            var sum = row.Sum();
            return row.Select(x => x / sum).ToArray();
        }).ToArray())];
    }
}
