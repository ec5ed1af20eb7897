using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>
/// FastGen's ladder. On paper (methods' 2.8): rows (1), (.5 .5), (.4 .2 .4), (.5 .1 .2 .2), (.6 .1 .1 .1 .1); token 0 is special, 2 punctuation; one frequent
/// token, a window of 2. Received (3.0 .9 .7 .3 .1), near (1.5 .7 .6 .3 .1). Masses: {0} .60; {0, 2} .74; the frequent token is 0, so .74 again; with the window
/// (3.7 + .7 + .3 + .1) / 5 = .96. The last row keeps 0, 2, 3, 4.
/// </summary>
public sealed class LadderTests : IDisposable
{
    private const TokenKind O = TokenKind.Ordinary, S = TokenKind.Special, P = TokenKind.Punctuation;
    internal static readonly double[][] Rows = [[1], [.5, .5], [.4, .2, .4], [.5, .1, .2, .2], [.6, .1, .1, .1, .1]];
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>A layer whose query heads have these maps, all reading one KV head; what a prefill would hand over.</summary>
    internal static LayerView Layer(Ladder ladder, TokenKind[] kinds, params double[][][] maps)
    {
        var n = kinds.Length;
        var any = zeros(1, n, 2);
        var sums = ladder.Needs(1).Sums.ToDictionary(sum => sum, sum => tensor((float[])[.. maps.SelectMany(map => Enumerable.Range(0, n).Select(j =>
            (float)Enumerable.Range(j, n - j).Where(t => t - j < sum.Width(n)).Sum(t => map[t][j])))], maps.Length, n));
        return new(3, any, any, zeros(maps.Length, 0, 2), 1, Sums: sums, Kinds: kinds);
    }

    private static float[][] Score(Ladder ladder, LayerView layer, int heads)
    {
        var scores = new float[heads * layer.Length];
        Array.Fill(scores, -1);
        ladder.Score(layer, 1, new HeadRows<float>(scores, heads, layer.Length));
        return [.. scores.Chunk(layer.Length)];
    }

    [Fact]
    public void The_example_on_paper()
    {
        var ladder = new Ladder(0.4, 0.2);
        var layer = Layer(ladder, [S, O, P, O, O], Rows);
        Assert.Equal([3f, .9f, .7f, .3f, .1f], layer.Sum(AttentionSum.Received)!.data<float>().Select(x => MathF.Round(x, 5)));
        Assert.Equal([1.5f, .7f, .6f, .3f, .1f], layer.Sum(AttentionSum.Near(0.4))!.data<float>().Select(x => MathF.Round(x, 5)));
        Assert.Equal([4f, 0, 3, 1, 2], Score(ladder, layer, 1)[0]);
        var rungs = ladder.Rungs(layer, 1);
        Assert.Equal([1, 2, 2, 4], rungs.Entries(0).ToArray());
        Assert.Equal([.60, .74, .74, .96], rungs.Masses(0).ToArray().Select(m => Math.Round(m, 6)));
        Assert.Equal([0, 1, 3, 3, 4, 4], ((double[])[.6, .7, .75, .96, .97, 1]).Select(t => rungs.Cheapest(0, t)));
    }

    /// <summary>The second query head reads only token 0 and needs rung 0; the first needs rung 3: so does their KV head, and apart each has its own.</summary>
    [Fact]
    public void A_group_needs_what_its_neediest_head_needs()
    {
        double[][] sink = [[1], [1, 0], [1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0, 0]];
        var ladder = new Ladder(0.4, 0.2);
        var layer = Layer(ladder, [S, O, P, O, O], Rows, sink);
        Assert.Equal(3, ladder.Rungs(layer, 1).Cheapest(0, 0.9));
        Assert.Equal((3, 0), (ladder.Rungs(layer, 2).Cheapest(0, 0.9), ladder.Rungs(layer, 2).Cheapest(1, 0.9)));
    }

    /// <summary>Against maps in plain loops: random layers, kinds and shares, sliding windows; queries attend again, since nobody added up.</summary>
    [Theory]
    [InlineData(0.3, 0.3, null, 1), InlineData(0.3, 0.1, null, 2), InlineData(0, 0, null, 3), InlineData(1, 0.5, null, 4), InlineData(0.2, 1, null, 5), InlineData(0.5, 0.3, 6, 6), InlineData(0.1, 0.2, 12, 7)]
    public void Ranks_and_masses_are_those_of_plain_loops(double local, double frequent, int? sliding, int seed)
    {
        const int n = 37, kvHeads = 2, queryHeads = 4;
        var random = new Random(seed);
        TokenKind[] kinds = [.. Enumerable.Range(0, n).Select(_ => (TokenKind)Math.Max(0, random.Next(12) - 9))];
        var layer = new LayerView(0, RandomTensors.Make(kvHeads, n, 8, seed), RandomTensors.Make(kvHeads, n, 8, seed + 1), RandomTensors.Make(queryHeads, n, 8, seed + 2), 0.35f, sliding, Kinds: kinds);
        var (ladder, maps) = (new Ladder(local, frequent), DenseAttention.Of(layer));
        foreach (var heads in (int[])[kvHeads, queryHeads])
        {
            var (scores, rungs, group) = (Score(ladder, layer, heads), ladder.Rungs(layer, heads), queryHeads / heads);
            var early = ladder.Rungs(layer, heads, window: 5);
            for (var h = 0; h < heads; h++)
            {
                var own = maps[(h * group)..((h + 1) * group)];
                double[] f = [.. Enumerable.Range(0, n).Select(j => own.Sum(map => map.Sum(row => row[j])))];
                var width = Math.Max(1, (int)(local * n));
                var most = Enumerable.Range(0, n).OrderByDescending(j => f[j]).Take((int)Math.Ceiling(frequent * n)).ToHashSet();
                HashSet<int>[] sets = [[.. Enumerable.Range(0, n).Where(j => kinds[j] == S)], [.. Enumerable.Range(0, n).Where(j => kinds[j] != O)], []];
                sets[2] = [.. sets[1], .. most];
                var order = Enumerable.Range(0, n).OrderByDescending(j => scores[h][j]).ToArray();
                Assert.Equal(Enumerable.Range(0, n).Select(j => (float)j), scores[h].Order());
                for (var r = 0; r < 4; r++)
                {
                    bool Keeps(int t, int j) => sets[Math.Min(r, 2)].Contains(j) || (r == 3 && t - j < width);
                    var mass = own.Min(map => Enumerable.Range(0, n).Sum(t => Enumerable.Range(0, t + 1).Where(j => Keeps(t, j)).Sum(j => map[t][j])) / n);
                    Assert.Equal(mass, rungs.Masses(h)[r], 1e-5);
                    Assert.Equal(mass, early.Masses(h)[r], 1e-5);
                    Assert.Equal(Enumerable.Range(0, n - 5).Count(j => Keeps(n - 1, j)), early.Entries(h)[r]);
                    Assert.Equal(Enumerable.Range(0, n).Where(j => Keeps(n - 1, j)), order[..rungs.Entries(h)[r]].Order());
                }
                // inside a rung by f, the window from the end, and what is left by f
                for (int r = 0, from = 0; r < 5; from = r < 4 ? rungs.Entries(h)[r] : n, r++)
                {
                    var rung = order[from..(r < 4 ? rungs.Entries(h)[r] : n)];
                    Assert.Equal(r == 3 ? rung.OrderDescending() : rung.OrderByDescending(j => f[j]), rung);
                }
            }
        }
    }

    /// <summary>A prefill's sums, by kernel and by tensors, give what queries that attend again give.</summary>
    [Theory]
    [InlineData(32), InlineData(24)]
    public void A_prefill_hands_over_its_sums(int dim)
    {
        using var decoder = RandomModel.Create(new ModelConfig
        {
            Architecture = "MistralForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 2, QueryHeads = 6, KvHeads = 2, HeadDim = dim, MaxPositions = 1024,
        });
        foreach (var weight in decoder.parameters().Where(w => w.ndim == 2)) weight.mul_(4);
        var sink = new Comparing();
        decoder.Prefill([.. Enumerable.Range(0, 577).Select(t => t * t % 97)], null, sink);
        Assert.Equal(2, sink.Layers);
    }

    private sealed class Comparing : IPromptSink
    {
        private readonly Ladder _ladder = new();
        private readonly SquaredAll _squares = new();

        public int Layers { get; private set; }

        public ScorerNeeds Needs => new ScorerNeeds(int.MaxValue).Or(_ladder.Needs(8)).Or(_squares.Needs(8));

        public void Accept(in LayerView layer)
        {
            var n = layer.Length;
            var handed = layer with { Kinds = Enumerable.Range(0, n).Select(j => (TokenKind)Math.Max(0, j % 20 - 17)).ToArray() };
            var again = handed with { Sums = null };
            LadderRungs taken = _ladder.Rungs(handed, 2), own = _ladder.Rungs(again, 2);
            var (a, b) = (new float[2 * n], new float[2 * n]);
            _squares.Score(handed, 8, new HeadRows<float>(a, 2, n));
            _squares.Score(again, 8, new HeadRows<float>(b, 2, n));
            for (var i = 0; i < a.Length; i++) Assert.Equal(b[i], a[i], 1e-5f * b[i] + 1e-9f);
            for (var h = 0; h < 2; h++)
            {
                Assert.Equal(own.Entries(h).ToArray(), taken.Entries(h).ToArray());
                for (var r = 0; r < 4; r++) Assert.Equal(own.Masses(h)[r], taken.Masses(h)[r], 1e-5);
            }
            Layers++;
        }
    }

    [Fact]
    public void Odd_prompts()
    {
        var ladder = new Ladder(0.4, 0.2);
        var plain = ladder.Rungs(Layer(ladder, [O, O, O, O, O], Rows), 1);                         // no special token: nothing holds nothing
        Assert.Equal((0, 0.0, 0), (plain.Entries(0)[0], plain.Masses(0)[0], plain.Cheapest(0, 0)));
        var signs = Layer(ladder, [P, P, P, P, P], Rows);                                           // punctuation alone: rung 1 is everything
        Assert.Equal([0, 5, 5, 5], ladder.Rungs(signs, 1).Entries(0).ToArray());
        Assert.Equal(1, ladder.Rungs(signs, 1).Cheapest(0, 1));
        Assert.Equal([4f, 3, 2, 1, 0], Score(ladder, signs, 1)[0]);                                  // by attention: 3, .9, .7, .3, .1
        var one = Layer(ladder, [O], [[1.0]]);                                                      // n = 1: frequent and local alike
        Assert.Equal([0, 0, 1, 1], ladder.Rungs(one, 1).Entries(0).ToArray());
        Assert.Equal([0f], Score(ladder, one, 1)[0]);
        Assert.Equal(4, ladder.Rungs(Layer(ladder, [S, O, P, O, O], Rows), 1).Cheapest(0, 1));      // T = 1 is everything
        double[][] flat = [[1], [1, 0], [1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0, 0]];                  // nobody looks at 1..4: the later first
        Assert.Equal([4f, 0, 1, 2, 3], Score(ladder, Layer(ladder, [O, O, O, O, O], flat), 1)[0]);
        var wide = new Ladder(1, 0);                                                                // a window of all
        var all = wide.Rungs(Layer(wide, [O, O, O, O, O], Rows), 1);
        Assert.Equal((5, 3), (all.Entries(0)[3], all.Cheapest(0, 1)));
    }

    [Fact]
    public void What_overflowed_is_no_number_and_bad_input_is_refused()
    {
        var ladder = new Ladder();
        double[][] broken = [[1], [.5, double.NaN], [.5, double.NaN, .5]];
        var scores = Score(ladder, Layer(ladder, [O, O, O], broken), 1)[0];
        Assert.Equal([false, true, false], scores.Select(float.IsNaN));
        var layer = Layer(ladder, [O, O, O], [[1], [.5, .5], [.2, .3, .5]]);
        Assert.Contains("3 tokens, and none came", Assert.Throws<LabException>(() => Score(ladder, layer with { Kinds = null }, 1)).Message);
        Assert.Contains("3 tokens, and 2 came", Assert.Throws<LabException>(() => ladder.Rungs(layer with { Kinds = new TokenKind[2] }, 1)).Message);
        Assert.Contains("0.3", Assert.Throws<LabException>(() => new Ladder(Frequent: 1.5)).Message);
        Assert.Contains("0.3", Assert.Throws<LabException>(() => new Ladder(Local: -0.1)).Message);
        Assert.Equal(new ScorerNeeds() { Sums = [AttentionSum.Received, AttentionSum.Near(0.3)], Kinds = true }, ladder.Needs(8));
        Assert.Equal(new Ladder(0.2, 0.1), new Ladder(0.2, 0.1));
        Assert.NotEqual(new Ladder(0.2, 0.1), new Ladder(0.1, 0.1));
    }
}
