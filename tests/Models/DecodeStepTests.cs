using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>Batches, 8-bit weights, bfloat16 weights and memory of the decode step, on the shipped model.</summary>
public class DecodeStepTests
{
    private static readonly string Folder = Repository.Path("data", "models", "world-4m");

    private static Decoder Load(ScalarType type)
    {
        using var folder = ModelFolder.Open(Folder);
        return folder.LoadDecoder(type);
    }

    private static RaggedCache Prompt(Decoder decoder, int length)
    {
        var cache = new RaggedCache(new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim));
        decoder.Prefill([.. Enumerable.Range(0, length).Select(i => (i * 37 + length) % 1900)], cache).Dispose();
        return cache;
    }

    [Fact]
    public void SequencesDecodedTogetherGetTheSameLogitsAsAlone()
    {
        var decoder = Repository.Model.Decoder;
        DecodeStep alone = new(decoder), together = new(decoder, batch: 4);
        var caches = new[] { 5, 40, 17 }.Select(length => Prompt(decoder, length)).ToArray();
        var clones = caches.Select(cache => cache.Clone()).ToArray();
        for (var token = 0; token < 5; token++)
        {
            int[] ids = [token + 1, token + 300, token + 900];
            var logits = together.Run(ids, caches).ToArray();
            for (var b = 0; b < 3; b++)
                Assert.Equal(alone.Run(ids[b], clones[b]).ToArray(), logits.AsSpan(b * decoder.Config.VocabSize, decoder.Config.VocabSize).ToArray());
        }
        foreach (var cache in caches.Concat(clones)) cache.Dispose();
    }

    /// <summary>The shipped weights are bfloat16 numbers: whether they are widened when loaded or when read makes no difference at all.</summary>
    [Fact]
    public void BFloat16WeightsReadWhereTheyLieGiveTheSameNumbers()
    {
        using var narrow = Load(ScalarType.BFloat16);
        using var wide = Load(ScalarType.Float32);
        using RaggedCache first = Prompt(wide, 12), second = first.Clone();
        using var third = first.Clone();
        DecodeStep a = new(narrow), b = new(wide, DecodePrecision.AsLoaded), c = new(wide);
        var expected = b.Run(7, first).ToArray();
        Assert.Equal(expected, a.Run(7, second).ToArray());
        Assert.Equal(expected, c.Run(7, third).ToArray());
        Assert.Equal(b.WeightBytes, 2 * a.WeightBytes);
        Assert.Equal(a.WeightBytes, c.WeightBytes);
        Assert.Equal(a.WeightBytes, new DecodeStep(narrow, DecodePrecision.AsLoaded).WeightBytes);
    }

    /// <summary>
    /// A cache that drops entries holds its budget token after token, whether somebody looks on or not, and the attention it adds up is what an observer beside it sees. Who does not
    /// ask for weights finds none: nobody wrote them down.
    /// </summary>
    [Fact]
    public void AScheduleIsServedAfterEachToken()
    {
        ModelConfig config = new() { Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 32, MaxPositions = 128 };
        using var decoder = RandomModel.Create(config);
        using var compressor = new Compressor(CachePolicy.Parse("H2O every 1"), new Budget(12, 4), new CacheShape(2, 2, 32), 4);
        decoder.Prefill([.. Enumerable.Range(0, 40)], null, compressor).Dispose();
        using RaggedCache watched = compressor.TakeCache(), alone = watched.Clone(), plain = new(new CacheShape(2, 2, 32));
        var adding = new Adding(watched);
        using var step = new DecodeStep(decoder);
        using DecodeStep looking = step.Session(adding), blind = step.Session(new Blind());
        for (var token = 0; token < 20; token++)
        {
            Assert.Equal(step.Run(token, alone).ToArray(), looking.Run(token, watched).ToArray());
            Assert.Equal((12 * 4, 12 * 4), (alone.Entries, watched.Entries));
            blind.Run(token, plain);
        }
        for (var layer = 0; layer < 2; layer++)
            for (var q = 0; q < 4; q++)
            {
                Assert.Equal(alone[layer].Positions(q / 2).ToArray(), watched[layer].Positions(q / 2).ToArray());
                foreach (var (position, mark) in watched[layer].Positions(q / 2).ToArray().Zip(watched[layer].Marks(q / 2, q % 2).ToArray())) Assert.Equal(adding.Sums[(layer, q, position)], mark, 1e-5f);
            }
    }

    /// <summary>Adds up what each query head attends to, beginning with a cache's marks.</summary>
    private sealed class Adding : IStepObserver
    {
        internal Adding(RaggedCache cache)
        {
            for (var layer = 0; layer < cache.Shape.Layers; layer++)
                for (var q = 0; q < 4; q++)
                    foreach (var (position, mark) in cache[layer].Positions(q / 2).ToArray().Zip(cache[layer].Marks(q / 2, q % 2).ToArray())) Sums[(layer, q, position)] = mark;
        }

        internal Dictionary<(int Layer, int QueryHead, int Position), float> Sums { get; } = [];

        public bool WantsWeights => true;

        public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache)
        {
            for (var q = 0; q < 4; q++)
                foreach (var (position, weight) in cache.Positions(q / 2).ToArray().Zip(weights[q].ToArray())) Sums[(layer, q, position)] = Sums.GetValueOrDefault((layer, q, position)) + weight;
        }
    }

    private sealed class Blind : IStepObserver
    {
        public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache)
        {
            var thrown = false;
            try
            {
                _ = weights[0];
            }
            catch (ArgumentOutOfRangeException)
            {
                thrown = true;
            }
            Assert.True(thrown);
        }
    }

    /// <summary>The context holds 16 positions: after a prompt of 12 there are 4 tokens that are read, and one that nothing follows.</summary>
    [Theory]
    [InlineData(false), InlineData(true)]
    public void AnAnswerEndsWithTheContext(bool recompute)
    {
        using var decoder = RandomModel.Create(new() { Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 32, IntermediateSize = 48, Layers = 1, QueryHeads = 2, KvHeads = 1, HeadDim = 16, MaxPositions = 16 });
        using var engine = new Engine(decoder);
        using var cache = new RaggedCache(new CacheShape(1, 1, 16));
        int[] prompt = [.. Enumerable.Range(0, 12)];
        var logits = engine.Prefill(prompt, cache);
        Assert.Equal(5, Answer.Run(engine, cache, prompt, logits, recompute, 100, [], Generation.Greedy).Ids.Length);
        Assert.Equal(16, cache.LogicalLength);
    }

    /// <summary>Norms and biases are read as numbers whatever their type: all of a model in bfloat16, or in float64, decodes to what the prefill finds.</summary>
    [Theory]
    [InlineData(ScalarType.BFloat16, 2e-2f), InlineData(ScalarType.Float64, 1e-4f)]
    public void EveryWeightMayHaveAnyType(ScalarType type, float bound)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        ModelConfig config = new()
        {
            Architecture = "Qwen2ForCausalLM", VocabSize = 97, HiddenSize = 32, IntermediateSize = 48, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 16, MaxPositions = 64, AttentionBias = true, QkNorm = true,
        };
        using var decoder = new Decoder(config, (_, shape) => nn.Parameter((randn(shape, generator: generator) * 0.3f + (shape.Length == 1 ? 1 : 0)).to(type), requires_grad: false));
        using var cache = new RaggedCache(new CacheShape(2, 2, 16));
        using var step = new DecodeStep(decoder);
        step.Run(5, cache);
        var found = step.Run(7, cache).ToArray();
        var expected = decoder.Prefill([5, 7])[0].data<float>().ToArray();
        var largest = expected.Max(MathF.Abs);
        for (var i = 0; i < found.Length; i++) Assert.Equal(expected[i] / largest, found[i] / largest, bound);
    }

    [Fact]
    public void EightBitWeightsReadAQuarterAndStayNear()
    {
        var decoder = Repository.Model.Decoder;
        using RaggedCache first = Prompt(decoder, 60), second = first.Clone();
        DecodeStep exact = new(decoder, DecodePrecision.AsLoaded), narrow = new(decoder, DecodePrecision.Int8);
        float[] expected = exact.Run(7, first).ToArray(), found = narrow.Run(7, second).ToArray();
        Assert.InRange(narrow.WeightBytes / (double)exact.WeightBytes, 0.25, 0.26);
        var error = Math.Sqrt(expected.Zip(found, (x, y) => (x - y) * (x - y)).Average());
        var spread = Math.Sqrt(expected.Select(x => x * x).Average());
        Assert.InRange(error / spread, 1e-6, 0.05);
    }

    /// <summary>Asked for, the whole way uses them: other logits, a quarter of the bytes, and only where the kernels decode.</summary>
    [Fact]
    public void AnswersCanBeDecodedWithEightBits()
    {
        var decoder = Repository.Model.Decoder;
        using RaggedCache first = Prompt(decoder, 60), second = first.Clone();
        Engine exact = new(decoder), narrow = new(decoder, DecodePrecision.Int8);
        Assert.InRange(narrow.WeightBytes / (double)exact.WeightBytes, 0.5, 0.52);
        Assert.NotEqual(exact.Continue(first, 1).Run(7).ToArray(), narrow.Continue(second, 1).Run(7).ToArray());
        Assert.Contains("--decode-weights", Assert.Throws<LabException>(() => new Engine(decoder, byTensors: true, DecodePrecision.Int8)).Message);
    }

    [Fact]
    public void NothingIsAllocatedPerToken()
    {
        var decoder = Repository.Model.Decoder;
        using var cache = Prompt(decoder, 30);
        cache.Reserve(300);
        var step = new DecodeStep(decoder);
        for (var token = 0; token < 200; token++) step.Run(token, cache);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var token = 0; token < 50; token++) step.Run(token, cache);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void ABatchOfTheWrongSizeIsRefused()
    {
        var decoder = Repository.Model.Decoder;
        using var cache = Prompt(decoder, 5);
        var step = new DecodeStep(decoder, batch: 2);
        Assert.StartsWith("2 tokens for 1 caches: this step takes 1 to 2 of each", Assert.Throws<ArgumentException>(() => { step.Run([1, 2], [cache]); }).Message);
        Assert.Throws<ArgumentException>(() => { step.Run([1, 2, 3], [cache, cache, cache]); });
        Assert.Throws<ArgumentException>(() => { step.Run([], []); });
        Assert.Equal("--batch 0: give at least 1 sequence", Assert.Throws<LabException>(() => new DecodeStep(decoder, batch: 0)).Message);
        Assert.Contains("at token 5 is outside the vocabulary", Assert.Throws<LabException>(() => { step.Run(decoder.Config.VocabSize, cache); }).Message);
        Assert.Contains("at token 5 is outside the vocabulary", Assert.Throws<LabException>(() => { step.Run(-1, cache); }).Message);
        Assert.Equal(5, cache.LogicalLength);
    }

    /// <summary>What a step reads is the same wherever it runs: all matrices once, the tied embedding as the unembedding.</summary>
    [Fact]
    public void BothWaysReadTheSameBytes()
    {
        var decoder = Repository.Model.Decoder;
        using var onCpu = new Engine(decoder, DecodePrecision.AsLoaded);
        using var byTensors = new Engine(decoder, byTensors: true);
        var (config, matrices) = (decoder.Config, 0L);
        matrices += (long)config.VocabSize * config.HiddenSize;
        matrices += config.Layers * (2L * config.QueryHeads * config.HeadDim * config.HiddenSize + 2L * config.KvHeads * config.HeadDim * config.HiddenSize + 3L * config.IntermediateSize * config.HiddenSize);
        Assert.Equal((4 * matrices, 4 * matrices), (onCpu.WeightBytes, byTensors.WeightBytes));
        Assert.Equal((ScalarType.BFloat16, ScalarType.Float32), (onCpu.CacheType(ScalarType.BFloat16), byTensors.CacheType(ScalarType.BFloat16)));
        using var narrow = Load(ScalarType.BFloat16);
        Assert.Equal(ScalarType.BFloat16, new Engine(narrow, byTensors: true).CacheType(ScalarType.Float32));   // as its products run
        Assert.Equal((true, false), (onCpu.OnCpu, byTensors.OnCpu));
        Assert.Contains("this works on the CPU only", Assert.Throws<LabException>(() => byTensors.Step).Message);
    }

    /// <summary>The prefill's logits choose the first token of an answer; recomputed, the cache does, whatever the prefill said.</summary>
    [Fact]
    public void TheFirstTokenComesFromThePrefillUnlessItIsRecomputed()
    {
        var decoder = Repository.Model.Decoder;
        using var engine = new Engine(decoder);
        int[] prompt = [.. Enumerable.Range(0, 12).Select(i => (i * 37 + 12) % 1900)];
        var said = new float[decoder.Config.VocabSize];
        said[1234] = 1;
        int First(bool recompute)
        {
            using var cache = Prompt(decoder, 12);
            return Answer.Run(engine, cache, prompt, said, recompute, 1, [], Generation.Greedy).Ids.Single();
        }
        Assert.Equal(1234, First(false));
        Assert.NotEqual(1234, First(true));
    }
}
