using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Scorers of keys and values, and of what the window would lose: worked by hand, and in plain loops.</summary>
public sealed class KeyScorerTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Rows(params float[][] rows) => tensor(rows.SelectMany(row => row).ToArray(), 1, rows.Length, rows[0].Length);

    private static float[] Score(IScorer scorer, Tensor keys, Tensor? values = null, Tensor? queries = null, int window = 1, IReadOnlyList<ReadOnlyMemory<int>>? positions = null)
    {
        var scores = new float[keys.shape[0] * keys.shape[1]];
        var layer = new LayerView(0, keys, values ?? keys, queries ?? keys, 1) { Positions = positions, Tokens = positions is null ? 0 : positions[0].Span[^1] + 1 };
        scorer.Score(layer, window, new HeadRows<float>(scores, (int)keys.shape[0], (int)keys.shape[1]));
        return scores;
    }

    private static void Equal(float[] wanted, float[] found, double precision = 1e-4) => Assert.Equal(wanted, found, (a, b) => Math.Abs(a - b) <= precision);

    [Fact]
    public void KeyDiff_keeps_the_odd_one_out()
    {
        Equal([-.8944f, -.8944f, -.4472f], Score(new KeyDiff(), Rows([1, 0], [1, 0], [0, 1])));
        Equal([-.8944f, -.8944f, -.4472f], Score(new KeyDiff(), Rows([3, 0], [.1f, 0], [0, 7])));     // lengths do not matter
        Equal([-1, 0], Score(new KeyDiff(), Rows([1, 0], [0, 0])));                                    // a zero key is like nothing
        Assert.All(Score(new KeyDiff(), Rows([0, 0], [0, 0])), score => Assert.Equal(0, score));
        Equal([0, 0], Score(new KeyDiff(), Rows([1, 0], [-1, 0])));                                    // opposite keys: no anchor
    }

    /// <summary>The part (0,0), (1,3) by the reference (0,0), (1,1) has 0.1956 and 0.8044; the values (1,1), (0,2) by (0,0), (2,4) have 0.4559 and 0.5441.</summary>
    [Fact]
    public void LagKV_measures_a_part_by_the_next()
    {
        var (keys, values) = (new double[2], new double[2]);
        LagKv.Distinct([0, 0, 1, 3, 0, 0, 1, 1], 2, keys);
        LagKv.Distinct([1, 1, 0, 2, 0, 0, 2, 4], 2, values);
        Equal([.1956f, .8044f, .4559f, .5441f], [.. keys.Concat(values).Select(x => (float)x)]);
        LagKv.Distinct([5, 1, 5, 2, 3, 7, 3, 9], 2, keys);                                             // a channel constant in the reference: divided by 1
        Assert.True(keys.All(double.IsFinite));
        Assert.Equal(1, keys.Sum(), 1e-12);
        LagKv.Distinct([4, 8, 1, 2], 1, keys);                                                         // one channel has no deviation
        Assert.Equal([.5, .5], keys);
    }

    [Fact]
    public void LagKV_ranks_inside_each_part_and_keeps_sinks_and_the_end()
    {
        var rows = Rows([9, 9], [0, 0], [1, 3], [0, 0], [1, 1], [2, 2]);
        Equal([1, 0, .5f, 1, 1, 1], Score(new LagKv(2, 1), rows, Rows([9, 9], [1, 1], [0, 2], [0, 0], [2, 4], [3, 3])));
        Equal([1, 0, .2f, .4f, .6f], Score(new LagKv(3, 1), rows.narrow(1, 0, 5)));                    // no part has a reference: the latest first
        Equal([0, .5f, 1, 1, 1], Score(new LagKv(2, 1), rows.narrow(1, 1, 5).contiguous(), positions: [new int[] { 3, 4, 5, 6, 8 }]));   // the first token is gone: no sinks
        Assert.Contains("give 2 or more", Assert.Throws<LabException>(() => new LagKv(1)).Message);
        Assert.Contains("give 0 or more", Assert.Throws<LabException>(() => new LagKv(8, -1)).Message);
    }

    [Fact]
    public void CUR_compares_lengths_among_neighbours()
    {
        var even = Rows([.. Enumerable.Repeat(new float[] { 3, 4 }, 6)]);
        Equal([1 / 12f, 1 / 12f, 1 / 12f, 1 / 12f, 1 / 3f, 1 / 3f], Score(new Cur(4, 0), even));       // equal in a full block, larger in a short one: (1/4)^2 and (1/2)^2, divided by 3/4
        Equal([1, 1, 1 / 12f, 1 / 12f, 1 / 3f, 1 / 3f], Score(new Cur(4, 2), even));
        Equal([.1f, .9f], Score(new Cur(2, 0), Rows([1, 0], [0, 3]), Rows([2, 0], [0, 2])));           // key squares 1 and 9, values alike
        Assert.All(Score(new Cur(2, 0), Rows([0, 0], [0, 0])), score => Assert.Equal(0, score));
        Equal([1, .5f], Score(new Cur(2, 4), Rows([1, 0], [0, 1]), positions: [new int[] { 3, 9 }]));  // first tokens of the text
        Assert.Throws<LabException>(() => new Cur(0));
    }

    /// <summary>p = 1/4, 1/4, 1/2 over the values 1, 3, 5: the output is 3.5, and each score is the squared change when the softmax is computed without the entry.</summary>
    [Fact]
    public void DropKV_knows_what_the_output_would_lose()
    {
        var keys = Rows([0, 0], [0, 0], [MathF.Log(2), 0]);
        Equal([.6944f, .0278f, 2.25f], Score(new DropKv(new Pooling(1)), keys, Rows([1, 0], [3, 0], [5, 0]), Rows([1, 0]), window: 1));
        var all = Score(new DropKv(new Pooling(1)), Rows([0, 0], [200, 0]), Rows([1, 0], [3, 0]), Rows([1, 0]), window: 1);
        Assert.Equal(0, all[0], 1e-6);
        Assert.True(float.IsFinite(all[1]) && all[1] <= 1e12f, $"one key has all attention: {all[1]}");
    }

    [Fact]
    public void DropKV_agrees_with_leaving_each_entry_out()
    {
        const int n = 20, dim = 4, window = 5, group = 2;
        var (keys, values, queries) = (RandomTensors.Make(1, n, dim, 1), RandomTensors.Make(1, n, dim, 2), RandomTensors.Make(group, n, dim, 3));
        var found = Score(new DropKv(new Pooling(1)), keys, values, queries, window);
        float[] k = keys.data<float>().ToArray(), v = values.data<float>().ToArray(), q = queries.data<float>().ToArray();
        for (var j = 0; j < n - window; j++)
        {
            double moved = 0;
            for (var h = 0; h < group; h++)
                for (var t = n - window; t < n; t++)
                    moved += Output(h, t, -1).Zip(Output(h, t, j), (a, b) => (a - b) * (a - b)).Sum() / group;
            Assert.Equal(1, found[j] / moved, 2e-3);
        }

        double[] Output(int head, int token, int without)
        {
            var weights = Enumerable.Range(0, n).Select(j => j > token || j == without ? 0 : Math.Exp(Enumerable.Range(0, dim).Sum(i => (double)q[(head * n + token) * dim + i] * k[j * dim + i]))).ToArray();
            return [.. Enumerable.Range(0, dim).Select(i => Enumerable.Range(0, n).Sum(j => weights[j] * v[j * dim + i]) / weights.Sum())];
        }
    }

    /// <summary>Scores 1 2 3 4 | 9 0 0 0 | 5 in chunks of 4: means 2.5, 2.25 and 5, so that the short last one comes first.</summary>
    [Fact]
    public void ChunkKV_keeps_neighbours_together()
    {
        var keys = zeros(2, 10, 2);
        float[] given = [1, 2, 3, 4, 9, 0, 0, 0, 5, float.NaN, 3, 0, 3, 4, 9, 0, 0, 0, 7, float.NaN];   // two heads, a window of one
        var own = Score(new Chunked(new Given(given), 4, false), keys);
        Equal([2.5f, 2.5f, 2.5f, 2.5f, 2.25f, 2.25f, 2.25f, 2.25f, 5], own[..9]);
        Equal([7], own[18..19]);
        var alike = Score(new Chunked(new Given(given), 4), keys);
        Equal([2.5f, 2.5f, 2.5f, 2.5f, 2.25f, 2.25f, 2.25f, 2.25f, 6], alike[..9]);
        Equal(alike[..9], alike[10..19]);
        Equal(given[..9], Score(new Chunked(new Given(given), 1, false), keys)[..9]);
        Assert.Throws<LabException>(() => new Chunked(new Knorm(), 0));
    }

    private sealed record Given(float[] Scores) : IScorer
    {
        public ScorerNeeds Needs(int window) => ScorerNeeds.None;

        public void Score(in LayerView layer, int window, HeadRows<float> scores) => Scores.CopyTo(scores.All);
    }

    [Fact]
    public void Observed_attention_is_a_mean_over_the_queries_that_see_a_token()
    {
        var keys = RandomTensors.Make(2, 12, 4, 1);
        var queries = RandomTensors.Make(4, 12, 4, 2);
        float[] Of(IScorer scorer) => Score(scorer, keys, keys, queries);
        var (sum, mean) = (Of(new H2O(GroupReduction.Max)), Of(new ObservedAttention(GroupReduction.Max)));
        for (var i = 0; i < sum.Length; i++) Assert.Equal(sum[i] * 12 / (12 - i % 12), mean[i], 1e-5f);
    }
}
