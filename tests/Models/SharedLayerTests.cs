using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using HeadKvLab.Tests.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>Prefill and decoding of shared layers on the shipped model, against a cache of every layer into which the roots' entries are copied.</summary>
public sealed class SharedLayerTests
{
    private static readonly LanguageModel Model = Repository.Model;
    private static readonly int[] Prompt = [.. Enumerable.Range(0, 150).Select(i => i * 37 % 1900)];

    private static Decoder Decoder => Model.Decoder;

    /// <summary>A layer that stores the roots' entries as its own, whatever it computes itself, and attends through tensors.</summary>
    private sealed class CopyStore(int layer, LayerMap map, RaggedCache plain) : ILayerStore
    {
        public Tensor Attend(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow)
        {
            var (tokens, root) = (k.shape[2], plain[map.Root(layer)]);
            if (map.IsShared(layer)) (k, v) = (Latest(root.Keys(), tokens), Latest(root.Values(), tokens));
            plain[layer].Append(k[0], v[0]);
            return PromptAttention.ByTensors(q, plain[layer].Keys().unsqueeze(0), plain[layer].Values().unsqueeze(0), scale, slidingWindow).Mixed;
        }

        private static Tensor Latest(Tensor rows, long tokens) => rows.narrow(1, rows.shape[1] - tokens, tokens).clone().unsqueeze(0);
    }

    /// <summary>A token whose queries read the entries of a compressed cache, in the order of the layers.</summary>
    private sealed class ReadStore(int layer, LayerMap map, RaggedCache cache) : ILayerStore
    {
        public Tensor Attend(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow)
        {
            var root = cache[map.Root(layer)];
            if (map.Root(layer) == layer) root.Append(k[0], v[0]);
            var mixed = new float[q.NumberOfElements];
            root.Attend(q.contiguous().data<float>().ToArray(), mixed, scale, slidingWindow);
            return tensor(mixed).view(q.shape);
        }
    }

    private static float[] Walk(ReadOnlySpan<int> ids, int start, Func<int, ILayerStore> store)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var x = Decoder.Model.embed_tokens.forward(tensor(PromptChecks.Widen(ids), 1, ids.Length));
        var rotation = Decoder.Rotary.At(arange(start, start + ids.Length, ScalarType.Int64).unsqueeze(0));
        foreach (var layer in Decoder.Model.layers) layer.Advance(x, rotation, store(layer.Index));
        return Decoder.Logits(Decoder.Model.norm.forward(x[0].narrow(0, ids.Length - 1, 1))).data<float>().ToArray();
    }

    private static void Near(float[] expected, ReadOnlySpan<float> found)
    {
        for (var w = 0; w < expected.Length; w++) Assert.Equal(expected[w], found[w], 1e-3f);
    }

    [Theory]
    [InlineData("share(5>1)"), InlineData("share(5>1,4>0)"), InlineData("share(1>0,2>0,3>0,4>0,5>0)"), InlineData("share(3>2,4>2)")]
    public void Equals_a_cache_with_the_roots_entries_copied(string text)
    {
        var map = LayerMap.Parse(text);
        using RaggedCache shared = new(Model.CacheShape(), map), plain = new(Model.CacheShape());
        var logits = Model.Engine.Prefill(Prompt, shared);
        Near(Walk(Prompt, 0, layer => new CopyStore(layer, map, plain)), logits);
        Assert.NotEqual(logits, Model.Engine.Prefill(Prompt));
        var step = new DecodeStep(Decoder);
        for (int token = Generation.Greedy(logits), i = 0; i < 12; i++)
        {
            int[] ids = [token];
            var expected = Walk(ids, Prompt.Length + i, layer => new CopyStore(layer, map, plain));
            var found = step.Run(token, shared);
            Near(expected, found);
            token = Generation.Greedy(found);
        }
        Assert.Equal((Prompt.Length + 12) * 6L * 4, (shared.Entries + map.Shared * (Prompt.Length + 12L) * 4));   // appended once for each token
        Assert.Equal(12, shared.AttendedTokens);
        for (var layer = 0; layer < 6; layer++) Assert.True(shared[layer].Keys().allclose(plain[layer].Keys(), 1e-3, 1e-3));
    }

    /// <summary>Every method at equal entries spends the budget on the layers that store; decoding reads the roots' entries, however ragged.</summary>
    [Fact]
    public void Every_method_compresses_the_layers_that_store()
    {
        var map = LayerMap.Parse("share(1>0,4>2)");
        var scores = new HeadImportance(6, 8, [.. Enumerable.Range(0, 48).Select(i => 1.0 + i * 7 % 11)]);
        var tables = SomeTables.Of(scores, 4, 32).Among(map);
        foreach (var entry in Catalogue.Methods)
        {
            var policy = new CachePolicy(entry.Create(null, tables), Layers: map);
            using var compressor = new Compressor(policy, new Budget(40), Model.CacheShape(), Model.Config.QueryHeads);
            Model.Engine.Prefill(Prompt, null, compressor);
            using var cache = compressor.TakeCache();
            Assert.Equal((entry.Name, (policy.Method.KeepsAll ? Prompt.Length : 40) * 4 * 4L), (entry.Name, cache.Entries));
            Assert.Same(cache[2], cache[4]);
            using var reference = cache.Clone();
            var step = new DecodeStep(Decoder);
            foreach (var token in (int[])[5, 17, 300])
            {
                int[] ids = [token];
                Near(Walk(ids, cache.LogicalLength, layer => new ReadStore(layer, map, reference)), step.Run(token, cache));
                reference.Advance(1);
            }
        }
    }

    /// <summary>Sharing the last layer changes nothing before it: the other layers keep the same positions as without.</summary>
    [Theory]
    [InlineData("SnapKV"), InlineData("H2O"), InlineData("Ada-SnapKV"), InlineData("random")]
    public void Layers_before_a_shared_one_keep_what_they_kept(string name)
    {
        var kept = new List<int[]>();
        foreach (var map in (LayerMap?[])[null, LayerMap.Parse("share(5>4)")])
        {
            using var compressor = new Compressor(new CachePolicy(Catalogue.Find(name).Create(), Layers: map), new Budget(24), Model.CacheShape(), 8);
            Model.Engine.Prefill(Prompt, null, compressor);
            using var cache = compressor.TakeCache();
            kept.Add([.. Enumerable.Range(0, 5).SelectMany(layer => Enumerable.Range(0, 4).SelectMany(head => cache[layer].Positions(head).ToArray()))]);
        }
        Assert.Equal(kept[0], kept[1]);
    }

    /// <summary>Head scores are those of the layers that store; a table of all layers is refused, not misread.</summary>
    [Fact]
    public void A_table_of_other_layers_is_refused()
    {
        var map = LayerMap.Parse("share(1>0)");
        var scores = new HeadImportance(3, 2, [1, 2, 3, 4, 5, 6]);
        Assert.Equal([1, 2, 5, 6], ((HeadImportance)scores.Among(map.Stored(3))).Values.ToArray());
        Assert.Equal([.25, 1], ((DroppedShares)new DroppedShares(.25, .5, 1).Among([0, 2])).Dropped.ToArray());
        Assert.Equal([1, 2, 1.5, 1], ((HeadChange)new HeadChange([1, 2, 0, 0, 1.5, 1], [1, 0, 2]).Among([0, 2])).OfHeads.ToArray());
        Assert.Contains("share(4>0): there is no layer 4", Assert.Throws<LabException>(() => CalibrationTables.HeadScores(scores).Among(LayerMap.Parse("share(4>0)")).Get(TableKinds.Retrieval)).Message);
        var whole = CalibrationFolder.Load(Model.DirectoryName, Model.Config);
        using var compressor = new Compressor(new CachePolicy(Catalogue.Find("HeadKV-R2").Create(null, whole), Layers: map), new Budget(24), Model.CacheShape(), 8);
        Assert.Contains("head scores describe 6 layers of 8 query heads, the model has 5", Assert.Throws<LabException>(() => Model.Engine.Prefill(Prompt, null, compressor)).Message);
    }

    [Fact]
    public void A_map_that_changes_nothing_gives_the_same_bits()
    {
        using RaggedCache none = new(Model.CacheShape()), identity = new(Model.CacheShape(), new LayerMap(0, 1, 2, 3, 4, 5));
        Assert.Equal(Model.Engine.Prefill(Prompt, none), Model.Engine.Prefill(Prompt, identity));
        var step = new DecodeStep(Decoder);
        for (var token = 3; token < 8; token++) Assert.Equal(step.Run(token, none).ToArray(), step.Run(token, identity).ToArray());
    }

    /// <summary>A prompt in two pieces ends as in one; then a batch in which one sequence shares layers and another does not decodes as each alone.</summary>
    [Fact]
    public void Goes_on_from_a_cache_and_beside_others()
    {
        var map = LayerMap.Parse("share(5>1)");
        using RaggedCache whole = new(Model.CacheShape(), map), pieces = new(Model.CacheShape(), map), plain = new(Model.CacheShape());
        var logits = Model.Engine.Prefill(Prompt, whole);
        Model.Engine.Prefill(Prompt.AsSpan(..90), pieces);
        Near(logits, Model.Engine.Prefill(Prompt.AsSpan(90..), pieces));
        Model.Engine.Prefill(Prompt.AsSpan(..20), plain);
        using RaggedCache first = whole.Clone(), second = plain.Clone();
        DecodeStep alone = new(Decoder), together = new(Decoder, batch: 2);
        var both = together.Run([7, 9], (RaggedCache[])[whole, plain]).ToArray();
        Assert.Equal(alone.Run(7, first).ToArray(), both[..Model.Config.VocabSize]);
        Assert.Equal(alone.Run(9, second).ToArray(), both[Model.Config.VocabSize..]);
    }

    [Fact]
    public void What_a_model_cannot_share_is_refused()
    {
        ModelConfig config = new() { Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 3, QueryHeads = 4, KvHeads = 2, HeadDim = 32, MaxPositions = 128, SlidingWindow = 16, SlidingLayers = [false, true, true] };
        using var decoder = RandomModel.Create(config);
        using var cache = new RaggedCache(new CacheShape(3, 2, 32), LayerMap.Parse("share(2>0)"));
        const string words = "share(2>0): layer 2 sees the last 16 positions, layer 0 all positions: only layers with the same sliding window share entries";
        Assert.Contains(words, Assert.Throws<LabException>(() => decoder.Prefill([1, 2, 3], cache)).Message);
        Assert.Contains(words, Assert.Throws<LabException>(() => new DecodeStep(decoder).Run(1, cache)).Message);
        using var allowed = new RaggedCache(new CacheShape(3, 2, 32), LayerMap.Parse("share(2>1)"));
        decoder.Prefill([1, 2, 3], allowed).Dispose();
        using var beyond = new Compressor(CachePolicy.Parse("SnapKV /share(4>0)"), new Budget(16), new CacheShape(5, 2, 32), 4);
        Assert.Contains("share(4>0): there is no layer 4: the model has layers 0 to 2", Assert.Throws<LabException>(() => decoder.Prefill([1, 2, 3], null, beyond)).Message);
        using var engine = new Engine(decoder, byTensors: true);
        Assert.Contains("this works on the CPU only", Assert.Throws<LabException>(() => engine.Continue(allowed, 4)).Message);
        using var other = new Compressor(CachePolicy.Parse("SnapKV /share(1>0)"), new Budget(16), new CacheShape(3, 2, 32), 4);
        Assert.Throws<ArgumentException>(() => decoder.Prefill([1, 2, 3], allowed, other));
        Assert.Throws<ArgumentException>(() => PromptSinks.Combine(other, beyond));
    }

    /// <summary>A step that fails in a later layer leaves no entry behind, in roots either; what a prefill held is freed.</summary>
    [Fact]
    public void Nothing_is_left_behind()
    {
        using var cache = new RaggedCache(Model.CacheShape(), LayerMap.Parse("share(5>1)"));
        Model.Engine.Prefill(Prompt, cache);
        var step = new DecodeStep(Decoder) { Observer = new Failing(4) };
        Assert.Throws<InvalidOperationException>(() => step.Run(5, cache));
        Assert.Equal((Prompt.Length * 5 * 4L, Prompt.Length), (cache.Entries, cache.LogicalLength));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Model.Engine.Prefill(Prompt, null, new Sink(LayerMap.Parse("share(5>1,3>1,4>0)")));
        Assert.Throws<InvalidOperationException>(() => Model.Engine.Prefill(Prompt, null, new Sink(LayerMap.Parse("share(5>1,3>1,4>0)"), failAt: 2)));
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private sealed class Failing(int at) : IStepObserver
    {
        public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache)
        {
            if (layer == at) throw new InvalidOperationException("on purpose");
        }
    }

    private sealed class Sink(LayerMap map, int failAt = -1) : IPromptSink
    {
        public ScorerNeeds Needs => ScorerNeeds.None;

        public LayerMap? Layers => map;

        public void Accept(in LayerView layer)
        {
            if (map.IsShared(layer.Layer) || layer.Layer == failAt) throw new InvalidOperationException($"layer {layer.Layer}");
        }
    }
}
