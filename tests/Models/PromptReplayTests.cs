using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>Prompts that are read again: against a prompt of everything in one piece, whose attention is computed densely.</summary>
public sealed class PromptReplayTests
{
    private static readonly LanguageModel Model = Repository.Model;
    private static readonly int[] Prompt = [.. Enumerable.Range(0, 90).Select(i => i * 37 % 1900)];
    private static readonly KvZip Zip = new(32, 4);

    /// <summary>
    /// Each piece is read behind the prompt in a prefill of its own, and a double loop over all queries, heads and keys takes the maxima of the softmax over sinks, piece and what was read again;
    /// KVzip+ weighs by lengths that are computed from the weights. Layer by layer, no cache between the two readings.
    /// </summary>
    [Theory]
    [InlineData(false), InlineData(true)]
    public void Scores_are_those_of_one_long_prompt_computed_densely(bool plus)
    {
        using var scope = NewDisposeScope();
        IReplay replay = plus ? new KvZipPlus(Zip) : Zip;
        var seen = new Measured(replay);
        Model.Engine.Prefill(Prompt, null, seen);
        foreach (var piece in Zip.Plan(Prompt))
        {
            var dense = new Layers();
            Model.Engine.Prefill([.. Prompt, .. piece.Ids], null, dense);
            for (var layer = 0; layer < Model.Config.Layers; layer++)
            {
                var expected = Dense(dense.Seen[layer], layer, piece, plus);
                var found = seen.Replayed[layer].narrow(1, piece.First, piece.Count);
                Assert.True(found.allclose(expected, 1e-4, 1e-5), $"layer {layer}, piece at {piece.First}: {(found - expected).abs().max().item<float>()} apart");
            }
        }
        Assert.Equal(0, seen.Replayed[2].narrow(1, 0, 4).abs().max().item<float>());     // sinks are read by no piece
    }

    /// <summary><c>[queryHead, position of the piece]</c>.</summary>
    private static Tensor Dense((Tensor Keys, Tensor Values, Tensor Queries, Tensor Input, float Scale) layer, int index, ReplayPiece piece, bool plus)
    {
        var (n, rows) = (Prompt.Length, piece.Ids.Length);
        var most = new float[8, piece.Count];
        var output = Model.Decoder.Model.layers[index].self_attn.o_proj.weight;    // [hidden, queryHead · dim]
        for (var h = 0; h < 8; h++)
        {
            var logits = layer.Queries[h].narrow(0, n, rows).mm(layer.Keys[h / 2].t()).mul(layer.Scale).data<float>().ToArray();
            var added = layer.Values[h / 2].mm(output.narrow(1, 32 * h, 32).t()).norm(1).data<float>().ToArray();
            for (var t = 0; t < rows; t++)
            {
                int[] keys = [.. Enumerable.Range(0, 4), .. Enumerable.Range(piece.First, piece.Count), .. Enumerable.Range(n, t + 1)];
                var weights = keys.Select(key => Math.Exp(logits[t * (n + rows) + key])).ToArray();
                var (sum, stream) = (weights.Sum(), plus ? layer.Input[n + t].norm().item<float>() : 1);
                for (var j = 0; j < piece.Count; j++) most[h, j] = Math.Max(most[h, j], (float)(weights[4 + j] / sum / stream * (plus ? added[piece.First + j] : 1)));
            }
        }
        return tensor(most);
    }

    /// <summary>Neither the logits nor the cache of the full reading know of the second one, and a compressor keeps the same whoever else looks.</summary>
    [Fact]
    public void The_second_reading_leaves_no_trace()
    {
        using var plain = new RaggedCache(Model.CacheShape(ScalarType.BFloat16));
        var logits = Model.Engine.Prefill(Prompt, plain);
        using var full = new RaggedCache(Model.CacheShape(ScalarType.BFloat16));
        using var zip = Compressor("KVzip replay=32");
        using var other = Compressor("SnapKV");
        Assert.Equal(logits, Model.Engine.Prefill(Prompt, full, PromptSinks.Combine(zip, other)));
        using var alone = Compressor("KVzip replay=32");
        Assert.Equal(logits, Model.Engine.Prefill(Prompt, null, alone));
        using var snap = Compressor("SnapKV");
        Model.Engine.Prefill(Prompt, null, snap);
        Same(plain, full);
        using (var together = zip.TakeCache())
        using (var lonely = alone.TakeCache()) Same(together, lonely);
        using (var together = other.TakeCache())
        using (var lonely = snap.TakeCache()) Same(together, lonely);
    }

    /// <summary>A format seals what the method keeps anyway, and shared layers are scored by the queries of those that store; a budget of all of it stores the prompt in the first reading.</summary>
    [Fact]
    public void Formats_and_layer_maps_go_with_it()
    {
        using var plain = Kept("KVzip replay=32");
        using var codes = Kept("KVzip replay=32 @int4 recent=8");
        using var shared = Kept("KVzip replay=32 /share(5>1)");
        Assert.Equal((24 * 30L, 24 * 30L, 20 * 30L), (plain.Entries, codes.Entries, shared.Entries));
        Assert.True(codes.StoredBytes < plain.StoredBytes);
        for (var layer = 0; layer < 6; layer++)
            for (var head = 0; head < 4; head++) Assert.Equal(plain[layer].Positions(head).ToArray(), codes[layer].Positions(head).ToArray());
        using var all = Kept("KVzip+ replay=32", Prompt.Length);
        using var full = new RaggedCache(Model.CacheShape(ScalarType.BFloat16));
        Model.Engine.Prefill(Prompt, full);
        Same(full, all);
    }

    [Fact]
    public void Where_a_prompt_cannot_be_read_again_is_told()
    {
        var seen = new Measured(Zip);
        using var begun = new RaggedCache(Model.CacheShape());
        Model.Engine.Prefill(Prompt, begun);
        Assert.Contains("looks at all of it a second time", Refused(() => Model.Engine.Prefill(Prompt, begun, seen)));
        Assert.Equal(Prompt.Length, begun.LogicalLength);
        Assert.Contains("on the CPU: leave --device out", Refused(() => new Engine(Model.Decoder, byTensors: true).Prefill(Prompt, null, seen)));
        Assert.Contains("8131 tokens are read again in pieces of up to 72, and 8203 exceed the model's context of 8192: give smaller pieces (replay=N)",
            Refused(() => Model.Engine.Prefill([.. Enumerable.Repeat(5, 8131)], null, new Measured(new KvZip(64)))));
        using var sliding = RandomModel.Create(new ModelConfig { Architecture = "MistralForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 32, MaxPositions = 4096, SlidingWindow = 90 });
        int[] ids = [.. Enumerable.Range(0, 60)];
        Assert.Contains("layer 0 sees the last 90 positions only", Refused(() => sliding.Prefill(ids, null, seen)));
        using (sliding.Prefill(ids.AsSpan(0, 40), null, new Measured(Zip))) { }
        var asks = Catalogue.Find("KVzip").Create() with { Share = new HeadKvLab.Compression.Bidders.LazyLayers() };
        Assert.Contains("KVzip: layers are scored when the prompt was read a second time", Refused(() => new Compressor(asks, new Budget(30), Model.CacheShape(), 8)));
    }

    private static Compressor Compressor(string policy, int entries = 30) => new(CachePolicy.Parse(policy), new Budget(entries), Model.CacheShape(ScalarType.BFloat16), Model.Config.QueryHeads);

    private static RaggedCache Kept(string policy, int entries = 30)
    {
        using var compressor = Compressor(policy, entries);
        Model.Engine.Prefill(Prompt, null, compressor);
        return compressor.TakeCache();
    }

    private static string Refused(Func<object?> run) => Assert.Throws<LabException>(run).Message;

    private static void Same(RaggedCache expected, RaggedCache found)
    {
        Assert.Equal((expected.LogicalLength, expected.StoredBytes), (found.LogicalLength, found.StoredBytes));
        for (var layer = 0; layer < expected.Shape.Layers; layer++)
            for (var head = 0; head < expected.Shape.KvHeads; head++)
            {
                Assert.Equal(expected[layer].Positions(head).ToArray(), found[layer].Positions(head).ToArray());
                using Tensor one = expected[layer].KeysOf(head), other = found[layer].KeysOf(head);
                Assert.True(one.equal(other).all().item<bool>());
            }
    }

    private static Tensor Kept(Tensor seen) => seen.clone().DetachFromDisposeScope();

    /// <summary>Keeps what was measured.</summary>
    private sealed class Measured(IReplay replay) : IPromptSink
    {
        internal List<Tensor> Replayed { get; } = [];

        public ScorerNeeds Needs => new() { Replays = [replay] };

        public void Accept(in LayerView layer) => Assert.Null(layer.Replayed);

        public void AcceptReplayed(in LayerView layer)
        {
            Assert.Equal(Replayed.Count, layer.Layer);
            Replayed.Add(Kept(layer.Replayed!(replay)));
        }
    }

    /// <summary>Keeps all layers of a prompt.</summary>
    private sealed class Layers : IPromptSink
    {
        internal List<(Tensor Keys, Tensor Values, Tensor Queries, Tensor Input, float Scale)> Seen { get; } = [];

        public ScorerNeeds Needs { get; } = new() { AllQueries = true };

        public void Accept(in LayerView layer) => Seen.Add((Kept(layer.Keys), Kept(layer.Values), Kept(layer.Queries), Kept(layer.Input!()), layer.Scale));
    }
}
