using HeadKvLab.Cache;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>
/// The last layer of a prompt works only on the rows that its last token and the sink look at, and the feed-forward takes rows in blocks. Neither may change a
/// bit of the logits, of the keys and values, or of the queries that scorers see. Lengths lie around the blocks' ends (64, 1,024).
/// </summary>
public sealed class PromptRowsTests
{
    [Theory]
    [InlineData(1), InlineData(64), InlineData(129), InlineData(193), InlineData(577, 100), InlineData(1025), InlineData(2049, 100), InlineData(577, null, 24)]   // heads of 24: by tensors, of all rows
    public void The_last_token_alone_is_the_last_of_all(int tokens, int? window = null, int dim = 32)
    {
        using var decoder = RandomModel.Create(Config(window, dim));
        using var scope = NewDisposeScope();
        int[] ids = [.. Enumerable.Range(0, tokens).Select(t => t * t % 97)];
        foreach (var wanted in new[] { 0, 1, 32, 150, int.MaxValue })
        {
            if (wanted is > 1 and < int.MaxValue && wanted > tokens) continue;
            var (some, all) = (new Seen(wanted), new Seen(wanted));
            Assert.Equal(OfAllRows(decoder, ids, all), decoder.Prefill(ids, null, some)[0].data<float>().ToArray());
            Assert.Equal(all.Numbers, some.Numbers);
            Assert.Equal(2, some.Numbers.Count);
            Assert.All(some.Rows, rows => Assert.Equal(Math.Min(wanted, tokens), rows));
        }
    }

    /// <summary>A piece that continues a cache: its last token, alone or among all.</summary>
    [Fact]
    public void A_piece_that_continues_a_cache_too()
    {
        using var decoder = RandomModel.Create(Config(null));
        using var scope = NewDisposeScope();
        int[] piece = [.. Enumerable.Range(5, 300).Select(t => t % 97)];
        using var one = Filled(decoder);
        using var other = Filled(decoder);
        Assert.Equal(OfAllRows(decoder, piece, null, other), decoder.Prefill(piece, one)[0].data<float>().ToArray());
    }

    /// <summary>What training computes, several prompts side by side, followed by autograd or not, is what the prefill computes for each.</summary>
    [Theory]
    [InlineData(null, true), InlineData(20, true), InlineData(null, false), InlineData(20, false)]
    public void TrainingComputesThePrefillsLogits(int? window, bool followed)
    {
        const int prompts = 2, tokens = 60;
        using var decoder = RandomModel.Create(Config(window));
        using var scope = NewDisposeScope();
        using var mode = set_grad_enabled(followed);
        int[][] ids = [.. Enumerable.Range(0, prompts).Select(p => Enumerable.Range(0, tokens).Select(t => (t * t + 31 * p) % 97).ToArray())];
        var hidden = decoder.Hidden(tensor(ids.SelectMany(p => p).Select(id => (long)id).ToArray(), prompts, tokens), arange(0, tokens, ScalarType.Int64).unsqueeze(0).expand(prompts, tokens));
        for (var p = 0; p < prompts; p++)
        {
            var expected = decoder.Prefill(ids[p], allLogits: true);
            Assert.True(expected.abs().max().item<float>() > 0.1f);
            Assert.InRange((decoder.Logits(hidden[p]).detach() - expected).abs().max().item<float>(), 0, 1e-5f);
        }
    }

    private static RaggedCache Filled(Decoder decoder)
    {
        var cache = new RaggedCache(new CacheShape(2, 2, 32));
        decoder.Prefill([.. Enumerable.Range(0, 70)], cache).Dispose();
        return cache;
    }

    /// <summary>Every layer on every row and in one piece, then the last token's logits.</summary>
    private static float[] OfAllRows(Decoder decoder, int[] ids, IPromptSink? sink, RaggedCache? cache = null)
    {
        using var quiet = no_grad();
        var start = cache?.LogicalLength ?? 0;
        var x = decoder.Model.embed_tokens.forward(tensor(ids.Select(id => (long)id).ToArray(), 1, ids.Length));
        var rotation = decoder.Rotary.At(arange(start, start + ids.Length, ScalarType.Int64).unsqueeze(0));
        foreach (var layer in decoder.Model.layers)
        {
            x = x + layer.self_attn.o_proj.forward(layer.self_attn.Mix(layer.input_layernorm.forward(x), rotation, new PromptStore(layer.Index, cache?[layer.Index], sink), 0));
            x = x + layer.mlp.forward(layer.post_attention_layernorm.forward(x));
        }
        return decoder.Logits(decoder.Model.norm.forward(x[0].narrow(0, ids.Length - 1, 1)))[0].data<float>().ToArray();
    }

    private static ModelConfig Config(int? window, int dim = 32) => new()
    {
        Architecture = "MistralForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = dim, MaxPositions = 4096, SlidingWindow = window,
    };

    /// <summary>Keys, values and queries of every layer.</summary>
    private sealed class Seen(int wanted) : IPromptSink
    {
        public List<float[]> Numbers { get; } = [];

        public List<long> Rows { get; } = [];

        public ScorerNeeds Needs => wanted == int.MaxValue ? new(wanted) { Sums = [AttentionSum.Received] } : new(wanted);

        public void Accept(in LayerView layer)
        {
            using var scope = NewDisposeScope();
            Numbers.Add([.. Of(layer.Keys), .. Of(layer.Values), .. Of(layer.Queries)]);
            Rows.Add(layer.Queries.shape[1]);
        }

        private static float[] Of(Tensor x) => x.numel() == 0 ? [] : x.contiguous().data<float>().ToArray();
    }
}
