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
        AttentionSum[] sums = [AttentionSum.Received, AttentionSum.Near(0.3), AttentionSum.Near(0.5), AttentionSum.Squares(), AttentionSum.Squares(10)];
        foreach (var wanted in new ScorerNeeds[] { new(), new(1), new(8), new(100), new(int.MaxValue), new() { Sums = [AttentionSum.Received] }, new(8) { Sums = [AttentionSum.Squares(10)] }, new() { Sums = sums } })
        {
            var sink = new Asking(wanted);
            using var scope = NewDisposeScope();
            decoder.Prefill([.. Enumerable.Range(0, 60)], null, sink);
            Assert.Equal(wanted.Sums, sums.Where(sink.Got.Contains));
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
        AttentionSum[] wanted = [AttentionSum.Received, AttentionSum.Near(0), AttentionSum.Near(0.2), AttentionSum.Near(0.9), AttentionSum.Squares(), AttentionSum.Squares(10), AttentionSum.Squares(350)];
        var (_, kernel) = PromptAttention.Causal(q, k, v, 0.25f, window, wanted);
        var (_, tensors) = PromptAttention.ByTensors(q, k, v, 0.25f, window, wanted);
        var map = Map(q, k, 0.25f, window);   // [queryHead, query, position]
        foreach (var sum in wanted)
        {
            Assert.Equal([4, 401], kernel![sum].shape);
            Assert.True(kernel[sum].allclose(tensors![sum], 1e-5, 1e-6), $"{sum}");
            Assert.True(tensors[sum].allclose(OnPaper(map, sum), 1e-5, 1e-6), $"{sum}");
        }
        Assert.True(tensors![AttentionSum.Received].sum(1).allclose(full(4, 300f), 1e-5, 0));
        Assert.True(tensors[AttentionSum.Near(0)].sum().item<float>() > 1);
    }

    /// <summary>All weights of the queries of a prompt's last tokens, <c>[queryHead, query, position]</c>, two query heads to a KV head.</summary>
    private static Tensor Map(Tensor q, Tensor k, float scale, int? window)
    {
        var (tokens, positions) = (q.shape[2], k.shape[2]);
        var seen = ones(tokens, positions).tril(positions - tokens).triu(window is { } w ? positions - tokens - w + 1 : -tokens);
        return q[0].bmm(k[0].repeat_interleave(2, 0).transpose(1, 2)).mul(scale).masked_fill(seen.eq(0), float.NegativeInfinity).softmax(2);
    }

    /// <summary>A sum, number by number, as its head comment says.</summary>
    private static Tensor OnPaper(Tensor map, AttentionSum sum)
    {
        var (heads, tokens, n) = ((int)map.shape[0], (int)map.shape[1], (int)map.shape[2]);
        var (weights, total) = (map.contiguous().data<float>().ToArray(), new float[heads * n]);
        for (var h = 0; h < heads; h++)
            for (var t = 0; t < tokens; t++)
                for (var j = 0; j < n; j++)
                    if (n - tokens + t - j is var behind && behind >= sum.Skip && behind < sum.Width(n)) total[h * n + j] += MathF.Pow(weights[(h * tokens + t) * n + j], sum.Power);
        return tensor(total, heads, n);
    }

    /// <summary>Widths on paper: 0.3 of 10 is 3, 0.29 of 100 is 29 although the nearest double is less, nothing is less than 1, and all is all.</summary>
    [Theory]
    [InlineData(0.3, 10, 3), InlineData(0.3, 9, 2), InlineData(0.29, 100, 29), InlineData(0.1, 9, 1), InlineData(0, 50, 1), InlineData(1, 50, int.MaxValue)]
    public void A_band_is_a_share_of_the_prompt(double share, int n, int width) => Assert.Equal(width, AttentionSum.Near(share).Width(n));

    /// <summary>Scorers that ask for different bands, or for the same, in one prefill.</summary>
    [Fact]
    public void Each_gets_its_own_sum_and_equal_ones_are_one()
    {
        Assert.Equal(AttentionSum.Received, AttentionSum.Near(1));
        var both = new ScorerNeeds(8) { Sums = [AttentionSum.Near(0.3), AttentionSum.Received] }.Or(new() { Sums = [AttentionSum.Near(0.5), AttentionSum.Near(0.3), AttentionSum.Near(0.5)] });
        Assert.Equal(new ScorerNeeds(8) { Sums = [AttentionSum.Received, AttentionSum.Near(0.5), AttentionSum.Near(0.3)] }, both);
        Assert.Equal(3, both.Sums.Count);
        Assert.NotEqual(both, new ScorerNeeds(8) { Sums = [AttentionSum.Received, AttentionSum.Near(0.4), AttentionSum.Near(0.3)] });
        Assert.Contains("from 0 to 1", Assert.Throws<LabException>(() => AttentionSum.Near(double.NaN)).Message);
        Assert.Contains("0 or more", Assert.Throws<LabException>(() => AttentionSum.Squares(-1)).Message);
    }

    /// <summary>Whole prompts and pieces, windows shorter and longer than the prompt, a scale of the model's own; 24 dimensions, so that the kernel leaves them to libtorch.</summary>
    [Theory]
    [InlineData(300, 300, null, 0.31f), InlineData(300, 300, 40, 0.31f), InlineData(255, 255, 40, 0.31f), InlineData(300, 300, 300, 0.2041241f), InlineData(300, 401, null, 0.2041241f),
        InlineData(1, 1, null, 1f), InlineData(40, 40, null, 0.31f, 2), InlineData(40, 50, 20, 0.31f, 2)]
    public void Every_way_mixes_the_same(int tokens, int positions, int? window, float scale, int prompts = 1)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        Tensor q = randn([prompts, 4, tokens, 24], generator: generator), k = randn([prompts, 2, positions, 24], generator: generator), v = randn([prompts, 2, positions, 24], generator: generator);
        var (mixed, sums) = PromptAttention.Causal(q, k, v, scale, window);
        Assert.Equal([prompts, 4, tokens, 24], mixed.shape);
        var (expected, none) = PromptAttention.ByTensors(q, k, v, scale, window, []);
        Assert.True(mixed.allclose(expected, 1e-4, 1e-5));
        Assert.Equal((null, null), (sums, none));   // nobody asked
    }

    /// <summary>The kernel takes what it can read alone: numbers of another type, and prompts that autograd follows in any of the three, go by tensors; a head whose numbers lie apart is copied.</summary>
    [Fact]
    public void The_kernel_takes_only_what_it_reads()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        Tensor q = randn([1, 4, 40, 16], generator: generator), k = randn([1, 2, 40, 16], generator: generator), v = randn([1, 2, 40, 16], generator: generator);
        var (expected, sums) = PromptAttention.Causal(q, k, v, 0.25f, null);
        Assert.Null(sums);
        Tensor Apart(Tensor x) => x.transpose(2, 3).contiguous().transpose(2, 3);
        Assert.True(PromptAttention.Causal(Apart(q), k, Apart(v), 0.25f, null).Mixed.equal(expected).all().item<bool>());
        Assert.True(PromptAttention.Causal(q.to(ScalarType.Float64), k.to(ScalarType.Float64), v.to(ScalarType.Float64), 0.25f, null).Mixed.to(ScalarType.Float32).allclose(expected, 1e-4, 1e-5));
        for (var followed = 0; followed < 3; followed++)
        {
            Tensor[] parts = [q.clone(), k.clone(), v.clone()];
            parts[followed].requires_grad_();
            Assert.True(PromptAttention.Causal(parts[0], parts[1], parts[2], 0.25f, null).Mixed.requires_grad, $"{followed}");
        }
    }

    private sealed class Asking(ScorerNeeds wanted) : IPromptSink
    {
        public AttentionSum[] Got { get; private set; } = [];

        public ScorerNeeds Needs => wanted;

        public void Accept(in LayerView layer) => Got = [.. layer.Sums?.Keys ?? []];
    }

    private sealed class Scores : IPromptSink
    {
        public List<(float[] Taken, float[] Again)> Pairs { get; } = [];

        public ScorerNeeds Needs => new(int.MaxValue) { Sums = [AttentionSum.Received] };

        public void Accept(in LayerView layer)
        {
            Assert.NotNull(layer.Sum(AttentionSum.Received));
            foreach (var reduction in Enum.GetValues<GroupReduction>()) Pairs.Add((Of(layer, reduction), Of(layer with { Sums = null }, reduction)));
        }

        private static float[] Of(in LayerView layer, GroupReduction reduction)
        {
            var scores = new float[2 * layer.Length];
            new H2O(reduction).Score(layer, 8, new HeadRows<float>(scores, 2, layer.Length));
            return scores;
        }
    }
}
