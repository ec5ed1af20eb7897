using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>KVzip's and KVzip+'s scores by hand, and the pieces that are read again.</summary>
public sealed class KvZipTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Column(params double[] numbers) => tensor(numbers.Select(x => (float)x).ToArray(), 1, numbers.Length, 1);

    private static readonly double Ln2 = Math.Log(2), Ln3 = Math.Log(3);

    /// <summary>
    /// One head of dimension 1, a sink and a piece of two, read again by two tokens, keys 0 | ln 2, 0 | 0, ln 3. The first query is 1 and sees weights 1 | 2, 1 | 1, of 5;
    /// the second is 2 and sees 1 | 4, 1 | 1, 9, of 16: the maxima are 2/5 and 1/5. A second query head whose queries are 0 sees quarters, then fifths.
    /// </summary>
    private static LayerView ByHand => new(0, Column(0, Ln2, 0, 0, Ln3), Column(7, 3, -1, 9, 9), cat([Column(1, 2), Column(0, 0)], 0), 1)
    {
        Output = () => tensor([3f, 4, 0, 2], 2, 1, 2),     // lengths 5 and 2
        Input = () => tensor([0f, 2, 8, 0], 2, 2),         // lengths 2 and 8
    };

    private static readonly ReplayPiece Piece = new(1, 2, [11, 12]);

    [Fact]
    public void The_largest_attention_of_the_softmax_over_sinks_piece_and_what_was_read_again()
    {
        var found = new KvZip(2, 1).Measure(ByHand, Piece);
        Near([2 / 5f, 1 / 5f, 1 / 4f, 1 / 4f], found);
    }

    /// <summary>Head 0: 2/5 over 2, not 1/4 over 8, times 5 · 3; 1/5 over 2 times 5 · 1. Head 1: 1/4 over 2 times 2 · 3 and 2 · 1.</summary>
    [Fact]
    public void KVzip_plus_weighs_it_by_what_it_adds_to_the_stream() =>
        Near([3, 0.5f, 0.75f, 0.25f], new KvZipPlus(new(2, 1)).Measure(ByHand, Piece));

    [Fact]
    public void A_KV_head_takes_the_largest_of_its_group_and_sinks_score_1()
    {
        var layer = ByHand with { Keys = Column(0, Ln2, 0), Replayed = _ => tensor([0f, 0.4f, 0.2f, 0, 0.25f, 0.3f], 2, 3) };
        Assert.Equal([1, 0.4f, 0.3f], Scores(new KvZip(2, 1), layer, 1));
        Assert.Equal([1, 0.4f, 0.2f, 1, 0.25f, 0.3f], Scores(new KvZip(2, 1), layer, 2));
        Assert.Equal([0, 0.4f, 0.3f], Scores(new KvZip(2, 0), layer, 1));
        Assert.Equal([1, 1, 1], Scores(new KvZipPlus(new(2, 9)), layer, 1));
    }

    [Fact]
    public void Pieces_begin_behind_the_sinks_with_the_last_8_tokens_of_the_piece_before()
    {
        int[] prompt = [.. Enumerable.Range(100, 27)];
        var pieces = new KvZip(10, 4).Plan(prompt);
        Assert.Equal([(4, 10), (14, 10), (24, 3)], pieces.Select(piece => (piece.First, piece.Count)));
        Assert.Equal([.. Enumerable.Range(104, 10)], pieces[0].Ids);
        Assert.Equal([.. Enumerable.Range(106, 18)], pieces[1].Ids);
        Assert.Equal([.. Enumerable.Range(116, 11)], pieces[2].Ids);
        Assert.Equal([102, 103, 104], new KvZip(2, 2).Plan(prompt.AsSpan(0, 5))[1].Ids);      // the piece before has 2
        Assert.Equal(prompt, Assert.Single(new KvZip(100, 0).Plan(prompt)).Ids);
        Assert.Empty(new KvZip(10, 4).Plan(prompt.AsSpan(0, 4)));
    }

    /// <summary>The kernel, where the machine has it, and tensors: whole and broken blocks of queries and panels of keys, with factors and without, one head's logits large.</summary>
    [Theory]
    [InlineData(1, 1), InlineData(3, 40), InlineData(48, 64), InlineData(49, 130), InlineData(200, 500)]
    public void The_kernel_and_tensors_find_the_same(int rows, int length)
    {
        Assert.SkipUnless(HeadKvLab.Kernels.BlockwiseAttention.Supports(16), "no AVX-512: tensors are used");
        var (keys, queries) = (RandomTensors.Make(2, length, 16, 3), RandomTensors.Make(4, rows, 16, 4));
        queries[1].mul_(30);
        var layer = new LayerView(0, keys, keys, queries, 0.25f);
        foreach (var factors in (Tensor?[])[null, rand(rows) + 0.1])
        {
            var (kernel, tensors) = (KvZip.ByKernel(layer, keys, factors), KvZip.ByTensors(layer, keys, factors));
            Assert.True(kernel.allclose(tensors, 1e-4, 1e-6), $"{(kernel - tensors).abs().max().item<float>()} apart");
        }
    }

    /// <summary>More rows than a block: the softmax of a query does not depend on the block it is computed in.</summary>
    [Theory]
    [InlineData(63), InlineData(64), InlineData(65), InlineData(150)]
    public void Blocks_of_queries_are_seen_nowhere(int rows)
    {
        var (keys, queries) = (RandomTensors.Make(2, 40 + rows, 8, 1), RandomTensors.Make(4, rows, 8, 2));
        var piece = new ReplayPiece(4, 30, new int[rows]);
        var found = new KvZip(30, 4).Measure(new(0, keys, keys, queries, 0.5f), piece);
        var most = new float[4, 30];
        for (var h = 0; h < 4; h++)
            for (var t = 0; t < rows; t++)
            {
                int[] seen = [.. Enumerable.Range(0, 34), .. Enumerable.Range(40, t + 1)];
                var weights = seen.Select(j => Math.Exp(0.5 * (queries[h, t] * keys[h / 2, j]).sum().item<float>())).ToArray();
                for (var j = 0; j < 30; j++) most[h, j] = Math.Max(most[h, j], (float)(weights[4 + j] / weights.Sum()));
            }
        Near([.. most.Cast<float>()], found);
    }

    [Fact]
    public void Tensors_without_a_model_and_settings_out_of_range_are_refused()
    {
        Assert.Contains("reading it again, and these tensors come without the model", Refused(() => Scores(new KvZip(2, 1), ByHand, 1)));
        Assert.Contains("come without it", Refused(() => new KvZipPlus(new(2, 1)).Measure(ByHand with { Input = null }, Piece)));
        Assert.Contains("come without it", Refused(() => new KvZipPlus(new(2, 1)).Measure(ByHand with { Output = null }, Piece)));
        Assert.Contains("2048 is the published size", Refused(() => new KvZip(0)));
        Assert.Contains("kvpress has 4", Refused(() => new KvZip(5, -1)));
        foreach (var name in (string[])["KVzip", "KVzip+"])
            Assert.Contains($"{name} decides once, after the prompt: its scores come from reading the whole prompt again", Refused(() => CachePolicy.Parse($"{name} every 8")));
    }

    private static string Refused(Func<object?> make) => Assert.Throws<LabException>(make).Message;

    private static float[] Scores(IScorer scorer, LayerView layer, int heads)
    {
        var scores = new float[heads * layer.Length];
        scorer.Score(layer, 1, new HeadRows<float>(scores, heads, layer.Length));
        return scores;
    }

    private static void Near(float[] expected, Tensor found) => Assert.All(expected.Zip(found.flatten().data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
}
