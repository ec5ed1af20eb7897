using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Scorers that look at keys and queries before RoPE: worked by hand, beside a second implementation (tests/reference/make_scores.py), and at their limits.</summary>
public sealed class BeforeRopeTests : IDisposable
{
    private const int KvHeads = 2, QueryHeads = 4, N = 300, Dim = 4;
    private static readonly float[] Frequencies = [0.5f, 0.01f];

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static IScorer Of(string name) => name switch
    {
        "ExpectedAttention" => new ExpectedAttention(0.01), "CapKV" => new CapKv(), "Compactor" => new Compactor(0.7),
        "Q-Filters" => new QFilters(new HeadVectors(1, QueryHeads, QueryProfile.Filters(Reference().Queries))),
        _ => new TriAttention(new HeadVectors(1, QueryHeads, [.. QueryProfile.Sum(Reference()).Select(sum => (float)(sum / (N - 4)))]), 4096),
    };

    public static TheoryData<string> Names => ["ExpectedAttention", "CapKV", "Compactor"];

    public static TheoryData<string> All => ["ExpectedAttention", "CapKV", "Compactor", "Q-Filters", "TriAttention"];

    private static float[][] Score(IScorer scorer, LayerView layer, int heads = KvHeads, int window = 4)
    {
        var scores = new float[heads * layer.Length];
        scorer.Score(layer, window, new HeadRows<float>(scores, heads, layer.Length));
        return [.. scores.Chunk(layer.Length)];
    }

    /// <summary>The rows of make_scores.py, before RoPE or after.</summary>
    private static Tensor Rows(int seed, int heads, bool turned, Func<int, double> factor)
    {
        var numbers = new float[heads * N * Dim];
        for (var h = 0; h < heads; h++)
            for (var p = 0; p < N; p++)
            {
                var row = Enumerable.Range(0, Dim).Select(i => factor(p) * ((h * 7919L + p * 104729L + i * 1299709L + seed * 15485863L) % 2003 / 1001.0 - 1)).ToArray();
                for (var i = 0; i < Dim; i++)
                {
                    var angle = turned ? p * (double)Frequencies[i % 2] : 0;
                    numbers[(h * N + p) * Dim + i] = (float)(row[i] * Math.Cos(angle) + (i < 2 ? -1 : 1) * row[(i + 2) % 4] * Math.Sin(angle));
                }
            }
        return tensor(numbers, heads, N, Dim);
    }

    private static LayerView Reference() => new(0, Rows(2, KvHeads, true, _ => 1), Rows(3, KvHeads, false, p => 1 + p % 3), Rows(1, QueryHeads, true, _ => 1), 0.5f) { Frequencies = Frequencies };

    [Theory]
    [MemberData(nameof(All))]
    public void Scores_are_those_of_a_second_implementation(string name)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Repository.Path("tests", "reference", "scores.json")));
        var found = Score(Of(name), Reference());
        var (compared, most) = (0, found.Max(row => row.Max()));
        foreach (var (head, wanted) in json.RootElement.GetProperty(name).EnumerateArray().Index())
            foreach (var (j, number) in wanted.EnumerateArray().Index())
                if (number.ValueKind == JsonValueKind.Null) Assert.Equal(most, found[head][j]);          // kept in any case
                else
                {
                    Assert.Equal(number.GetDouble(), found[head][j], 1e-4 * Math.Abs(number.GetDouble()) + 1e-5 * most);
                    compared++;
                }
        Assert.InRange(compared, 2 * N - 24, 2 * N);
    }

    /// <summary>Two entries behind the first four positions, two queries, nothing turned: what a text that goes on shows.</summary>
    private static LayerView Two(float[] queries, float[] keys, float[] values) => new(0, tensor(keys, 1, 2, 2), tensor(values, 1, 2, 2), tensor(queries, 1, queries.Length / 2, 2), 1 / MathF.Sqrt(2))
    {
        Frequencies = new float[1], Positions = [new[] { 4, 5 }], Tokens = 6,
    };

    /// <summary>
    /// Mean (1, 0), no variance, keys (1, 0) and (0, 1): exp(1 / sqrt 2) = 2.028 against 1. With variance 4 of the second channel, which 4 / 2 / 2 = 1 is added for: 2.028 against e.
    /// </summary>
    [Fact]
    public void Expected_attention_by_hand()
    {
        float[] keys = [1, 0, 0, 1];
        Close([0.6698f, 0.3302f], Score(new ExpectedAttention(), Two([1, 0, 1, 0], keys, keys), 1)[0]);
        Close([0.4273f, 0.5727f], Score(new ExpectedAttention(), Two([1, 2, 1, -2], keys, keys), 1)[0]);
        Close([3 * 0.66976f, 0.3302f], Score(new ExpectedAttention(), Two([1, 0, 1, 0], keys, [0, 3, 1, 0]), 1)[0]);          // times the value's length
        Close([3 * 0.76976f, 0.4302f], Score(new ExpectedAttention(0.1), Two([1, 0, 1, 0], keys, [0, 3, 1, 0]), 1)[0]);
        Assert.Contains("give 0 or more", Assert.Throws<LabException>(() => new ExpectedAttention(-1)).Message);
    }

    /// <summary>Weights 1, A = diag(3, 2): 1/3, 1/3 and 1/2, so that what is there once counts more.</summary>
    [Fact]
    public void CapKV_by_hand()
    {
        var layer = new LayerView(0, ones(1, 3, 2), tensor(new[] { 1f, 0, 1, 0, 0, 1 }, 1, 3, 2), ones(1, 3, 2), 1) { Frequencies = new float[1], Positions = [new[] { 4, 5, 7 }], Tokens = 8 };
        Close([1 / 3f, 1 / 3f, 1 / 2f], Score(new CapKv(), layer, 1)[0]);
        var opposite = Two([1, 0, 1, 0], [1, 0, -1, 0], [1, 0, 0, 1]);                                                      // exp(-10) for a key that looks away
        Close([0.5f, MathF.Exp(-10)], Score(new CapKv(), opposite, 1)[0], 1e-6);
    }

    /// <summary>x = (-1, 0, 0, 1): 1 / 2.01 at both ends.</summary>
    [Fact]
    public void Leverage_by_hand()
    {
        Close([0.4975f, 0, 0, 0.4975f], Compactor.Leverage(tensor(new[] { 4f, 5, 5, 6 }, 1, 4, 1)));
        Close([0, 0, 0], Compactor.Leverage(ones(1, 3, 2)));
        Assert.Contains("give 0 or more", Assert.Throws<LabException>(() => new Compactor(double.NaN)).Message);
    }

    [Fact]
    public void Rows_are_turned_back()
    {
        var (layer, plain) = (Reference(), Rows(2, KvHeads, false, _ => 1));
        Assert.InRange((BeforeRope.Keys(layer) - plain).abs().max().item<float>(), 0, 1e-5f);
        Assert.InRange((BeforeRope.Queries(layer) - Rows(1, QueryHeads, false, _ => 1).narrow(1, 4, N - 4)).abs().max().item<float>(), 0, 1e-5f);
        var some = layer with { Keys = layer.Keys.narrow(1, 100, 3), Queries = layer.Queries.narrow(1, N - 2, 2), Positions = [new[] { 100, 101, 102 }, new[] { 100, 101, 102 }], Tokens = N };
        Assert.InRange((BeforeRope.Keys(some) - plain.narrow(1, 100, 3)).abs().max().item<float>(), 0, 1e-5f);
        Assert.InRange((BeforeRope.Queries(some) - Rows(1, QueryHeads, false, _ => 1).narrow(1, N - 2, 2)).abs().max().item<float>(), 0, 1e-5f);
    }

    /// <summary>The mean of 512 rotations from position 1,000 on shrinks a pair to 0.004, 0.0176, 0.2146 and 0.989 of its length, by frequency.</summary>
    [Theory]
    [InlineData(1, 0.004), InlineData(0.1, 0.0176), InlineData(0.01, 0.2146), InlineData(0.001, 0.989)]
    public void Fast_pairs_vanish_ahead(double frequency, double left)
    {
        var layer = new LayerView(0, ones(1, 1, 2), ones(1, 1, 2), ones(1, 1, 2), 1) { Frequencies = new[] { (float)frequency }, Positions = [new[] { 999 }], Tokens = 1000 };
        Assert.Equal(left, BeforeRope.Ahead(layer, tensor(new[] { 1f, 0 }, 1, 1, 2)).norm().item<float>(), 0.0006);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Heads_are_scored_for_themselves_and_limits_give_numbers(string name)
    {
        var (scorer, layer) = (Of(name), Reference());
        Assert.Equal((true, 256), (scorer.Needs(4).AllQueries, scorer.Needs(4).Queries));
        var (groups, queryHeads) = (Score(scorer, layer), Score(scorer, layer, QueryHeads));
        if (name != "Compactor")                                                                                             // whose scale is the layer's
            for (var j = 4; j < N; j++) Assert.Equal((queryHeads[2][j] + queryHeads[3][j]) / 2, groups[1][j], 1e-5f * (1 + groups[1].Max()));
        foreach (var n in new[] { 1, 4, 5, 12, 13 })
        {
            var start = layer with { Keys = layer.Keys.narrow(1, 0, n), Values = layer.Values.narrow(1, 0, n), Queries = layer.Queries.narrow(1, 0, n) };
            foreach (var one in new[] { start, start with { Keys = zeros(KvHeads, n, Dim) }, start with { Values = ones(KvHeads, n, Dim) }, start with { Values = zeros(KvHeads, n, Dim) } })
                Assert.All(Score(scorer, one, window: Math.Min(n, 4)), row => Assert.All(row, score => Assert.True(float.IsFinite(score))));
        }
        var swapped = Score(scorer, layer with { Keys = layer.Keys.flip(0), Values = layer.Values.flip(0), Queries = layer.Queries.flip(0) });
        for (var j = 0; j < N; j++) Assert.Equal(groups[0][j], swapped[1][j], 1e-4f * (1 + Math.Abs(groups[0][j])));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_missing_is_named(string name)
    {
        Assert.Contains("without the model's rotary frequencies", Assert.Throws<LabException>(() => Score(Of(name), Reference() with { Frequencies = null })).Message);
        Assert.Contains("the prefill handed over 8", Assert.Throws<InvalidOperationException>(() => Score(Of(name), Reference() with { Queries = zeros(QueryHeads, 8, Dim) })).Message);
    }

    /// <summary>Entries that were all kept, seen head by head or together, are scored as the prompt is, but for the queries that are forgotten.</summary>
    [Fact]
    public void Stored_entries_are_scored_by_where_they_stand()
    {
        var prompt = Reference();
        int[] all = [.. Enumerable.Range(0, N)];
        var stored = prompt with { Positions = [all, all], Tokens = N };
        foreach (var scorer in new IScorer[] { new ExpectedAttention(), new CapKv() }) Assert.Equal(Score(scorer, prompt), Score(scorer, stored));
        var late = prompt with { Keys = prompt.Keys.narrow(1, 10, 50), Values = prompt.Values.narrow(1, 10, 50), Positions = [all[10..60], all[10..60]], Tokens = N };
        foreach (var (head, row) in Score(new ExpectedAttention(), late).Index())                   // no first position is there: all share the softmax
            Assert.Equal(1, row.Select((score, j) => score / late.Values[head][j].norm().item<float>()).Sum(), 1e-4);
        Assert.All(Score(new Compactor(), late), row => Assert.Equal(row.Max(), row[^1]));
    }

    private static void Close(float[] wanted, float[] found, double precision = 1e-4) => Assert.Equal(wanted, found, (a, b) => Math.Abs(a - b) <= precision);
}
