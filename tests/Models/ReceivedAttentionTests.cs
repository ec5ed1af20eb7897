using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>The attention a prefill adds up for H2O is what queries that attend a second time find, by kernel and by tensors; nobody else has it added up.</summary>
public sealed class ReceivedAttentionTests
{
    [Theory]
    [InlineData(32, null), InlineData(32, 100), InlineData(24, null), InlineData(24, 100)]   // 24: no multiple of 16, so tensors attend
    public void A_prefill_hands_H2O_its_sums(int dim, int? window)
    {
        var config = new ModelConfig
        {
            Architecture = "MistralForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 2, QueryHeads = 6, KvHeads = 2, HeadDim = dim, MaxPositions = 1024, SlidingWindow = window,
        };
        using var decoder = RandomModel.Create(config);
        using var scope = NewDisposeScope();
        foreach (var weight in decoder.parameters().Where(w => w.ndim == 2)) weight.mul_(6);   // so that attention is far from uniform
        var sink = new Scores();
        decoder.Prefill([.. Enumerable.Range(0, 577).Select(t => t * t % 97)], null, sink);
        Assert.Equal(2 * 3, sink.Pairs.Count);
        foreach (var (taken, again) in sink.Pairs)
        {
            Assert.True(again.Max() > 20 * again.Min());
            for (var i = 0; i < again.Length; i++) Assert.Equal(again[i], taken[i], 1e-5f * again[i] + 1e-9f);
        }
    }

    [Fact]
    public void Who_does_not_ask_pays_nothing()
    {
        using var decoder = RandomModel.Create(new() { Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 32, IntermediateSize = 48, Layers = 1, QueryHeads = 2, KvHeads = 1, HeadDim = 16, MaxPositions = 64 });
        foreach (var wanted in new[] { new ScorerNeeds(), new(1), new(8), new(100), new(int.MaxValue), new(AttentionSums: true), new(8, true) })
        {
            var sink = new Asking(wanted);
            using var scope = NewDisposeScope();
            decoder.Prefill([.. Enumerable.Range(0, 60)], null, sink);
            Assert.Equal(wanted.AttentionSums, sink.Got);
        }
    }

    [Theory]
    [InlineData(null), InlineData(70)]
    public void Kernel_and_tensors_agree_on_a_piece_that_continues_a_cache(int? window)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        Tensor q = randn([1, 4, 300, 16], generator: generator) * 3, k = randn([1, 2, 401, 16], generator: generator), v = randn([1, 2, 401, 16], generator: generator);
        var (_, kernel) = PromptAttention.Causal(q, k, v, 0.25f, window, addUp: true);
        var (_, tensors) = PromptAttention.ByTensors(q, k, v, 0.25f, window, addUp: true);
        Assert.Equal([4, 401], kernel!.shape);
        Assert.True(kernel.allclose(tensors!, 1e-5, 1e-6));
        Assert.True(tensors!.sum(1).allclose(full(4, 300f), 1e-5, 0));
    }

    /// <summary>Whole prompts and pieces, windows shorter and longer than the prompt, a scale of the model's own; 24 dimensions, so that the kernel leaves them to libtorch.</summary>
    [Theory]
    [InlineData(300, 300, null, 0.31f), InlineData(300, 300, 40, 0.31f), InlineData(300, 300, 300, 0.2041241f), InlineData(300, 401, null, 0.2041241f), InlineData(1, 1, null, 1f)]
    public void Every_way_mixes_the_same(int tokens, int positions, int? window, float scale)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        Tensor q = randn([1, 4, tokens, 24], generator: generator), k = randn([1, 2, positions, 24], generator: generator), v = randn([1, 2, positions, 24], generator: generator);
        var mixed = PromptAttention.Causal(q, k, v, scale, window).Mixed;
        Assert.Equal([1, 4, tokens, 24], mixed.shape);
        Assert.True(mixed.allclose(PromptAttention.ByTensors(q, k, v, scale, window).Mixed, 1e-4, 1e-5));
    }

    private sealed class Asking(ScorerNeeds wanted) : IPromptSink
    {
        public bool Got { get; private set; }

        public ScorerNeeds Needs => wanted;

        public void Accept(in LayerView layer) => Got = layer.AttentionSums is not null;
    }

    private sealed class Scores : IPromptSink
    {
        public List<(float[] Taken, float[] Again)> Pairs { get; } = [];

        public ScorerNeeds Needs => new(int.MaxValue, AttentionSums: true);

        public void Accept(in LayerView layer)
        {
            Assert.NotNull(layer.AttentionSums);
            foreach (var reduction in Enum.GetValues<GroupReduction>()) Pairs.Add((Of(layer, reduction), Of(layer with { AttentionSums = null }, reduction)));
        }

        private static float[] Of(in LayerView layer, GroupReduction reduction)
        {
            var scores = new float[2 * layer.Length];
            new H2O(reduction).Score(layer, 8, new HeadRows<float>(scores, 2, layer.Length));
            return scores;
        }
    }
}
