using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>The path for GPUs, here on the CPU: same tokens, same logits as the fused step, whatever the heads keep.</summary>
public class TensorDecodeStepTests
{
    [Theory]
    [InlineData("FullKV", Granularity.KvHead), InlineData("SnapKV", Granularity.KvHead), InlineData("HeadKV-R2", Granularity.KvHead), InlineData("RazorAttention", Granularity.KvHead), InlineData("RazorAttention", Granularity.QueryHead), InlineData("HeadKV-R2", Granularity.QueryHead)]
    public void EqualsTheFusedStep(string name, Granularity granularity)
    {
        var model = Repository.Model;
        int[] prompt = [.. Enumerable.Range(0, 300).Select(i => i * 37 % 1900)];
        var method = Catalogue.Find(name).Create(null, CalibrationFolder.Load(model.DirectoryName, model.Config));
        RaggedCache cache;
        if (method.KeepsAll) model.Decoder.Prefill(prompt, cache = new RaggedCache(model.CacheShape())).Dispose();
        else
        {
            using var compressor = new Compressor(method, new Budget(40, Granularity: granularity), model.CacheShape(), model.Config.QueryHeads);
            model.Decoder.Prefill(prompt, null, new HostSink(compressor)).Dispose();
            cache = compressor.TakeCache();
        }
        using var ragged = cache;
        using var grouped = new GroupedCache(ragged, CPU, ScalarType.Float32, 20);
        Assert.All(Enumerable.Range(0, model.Config.Layers), layer => Assert.InRange(grouped.GroupsIn(layer), 1, model.Config.QueryHeads));
        if (name == "HeadKV-R2") Assert.Contains(Enumerable.Range(0, model.Config.Layers), layer => grouped.GroupsIn(layer) > 1);
        var (step, fused) = (new TensorDecodeStep(model.Decoder), new DecodeStep(model.Decoder));
        for (int token = 5, i = 0; i < 20; i++)
        {
            var expected = fused.Run(token, ragged).ToArray();
            var found = step.Run(token, grouped);
            for (var w = 0; w < expected.Length; w++) Assert.Equal(expected[w], found[w], 2e-4f);
            token = Generation.Greedy(expected);
            Assert.Equal(token, Generation.Greedy(found));
        }
        Assert.Equal(ragged.LogicalLength, grouped.LogicalLength);
        Assert.Throws<InvalidOperationException>(() => step.Run(5, grouped));   // the room is used up
        Assert.Contains("is outside the vocabulary", Assert.Throws<LabException>(() => step.Run(-1, grouped)).Message);
    }

    /// <summary>Windows that leave evicted heads behind, and a merged entry that goes out of sight when the window leaves the text's beginning.</summary>
    [Theory]
    [InlineData("SnapKV"), InlineData("RazorAttention"), InlineData("FullKV")]
    public void Slides_as_the_fused_step(string name)
    {
        const int window = 70;
        using var decoder = RandomModel.Create(Sliding(window));
        int[] prompt = [.. Enumerable.Range(0, 60).Select(i => i * 37 % 97)];
        var method = Catalogue.Find(name).Create(null, CalibrationTables.HeadScores(new HeadImportance(2, 4, [1, 5, 2, 8, 1, 1, 7, 3])));
        using var compressor = new Compressor(method, new Budget(12), new CacheShape(2, 2, 32), 4);
        decoder.Prefill(prompt, null, compressor).Dispose();
        using var ragged = compressor.TakeCache();
        using var grouped = new GroupedCache(ragged, CPU, ScalarType.Float32, 40);
        var (step, fused) = (new TensorDecodeStep(decoder), new DecodeStep(decoder));
        for (var i = 0; i < 40; i++)
        {
            var expected = fused.Run(i * 11 % 97, ragged).ToArray();
            var found = step.Run(i * 11 % 97, grouped);
            for (var w = 0; w < expected.Length; w++) Assert.Equal(expected[w], found[w], 1e-4f);
        }
    }

    /// <summary>A prompt that goes on from a filled cache, compressed on the way: as on the CPU.</summary>
    [Fact]
    public void A_prompt_continues_a_filled_cache()
    {
        using var decoder = RandomModel.Create(Sliding(null));
        int[] prompt = [.. Enumerable.Range(0, 90).Select(i => i * 37 % 97)];
        var answers = new List<int[]>();
        var kept = new List<int[]>();
        foreach (var byTensors in new[] { false, true })
        {
            using var engine = new Engine(decoder, byTensors);
            using var full = new RaggedCache(new CacheShape(2, 2, 32));
            engine.Prefill(prompt.AsSpan(0, 50), full);
            using var compressor = new Compressor(Catalogue.Find("SnapKV").Create(), new Budget(20), new CacheShape(2, 2, 32), 4);
            var logits = engine.Prefill(prompt.AsSpan(50), full, compressor);
            Assert.Equal(90, full.LogicalLength);
            using var cache = compressor.TakeCache();
            kept.Add([.. cache[1].Positions(0)]);
            using var cut = cache.Clone();
            cut.Truncate(89);
            using var copy = new GroupedCache(cut, CPU, ScalarType.Float32, 13);       // the last token again, and 12
            var answer = Answer.Run(engine, cache, prompt, logits, recomputeLast: true, 12, [], Generation.Greedy);
            answers.Add(answer.Ids);
            Assert.Equal(byTensors ? copy.ReservedBytes : cache.ReservedBytes, answer.ReservedBytes);
        }
        Assert.Equal(kept[0], kept[1]);
        Assert.Equal(12, answers[0].Length);
        Assert.Equal(answers[0], answers[1]);
    }

    /// <summary>A cache that drops entries or chooses among them is decoded by the kernels alone: elsewhere it is refused, not copied without its schedule or recall.</summary>
    [Theory]
    [InlineData("TOVA every 1"), InlineData("FullKV +Exact budget=8")]
    public void What_the_kernels_alone_decode_is_refused(string text)
    {
        using var decoder = RandomModel.Create(Sliding(null));
        using var engine = new Engine(decoder, byTensors: true);
        var policy = CachePolicy.Parse(text);
        using var compressor = new Compressor(policy, new Budget(16), new CacheShape(2, 2, 32), 4);
        engine.Prefill([.. Enumerable.Range(0, 60)], null, compressor);
        using var cache = compressor.TakeCache();
        Assert.Contains("this works on the CPU only", Assert.Throws<LabException>(() => engine.Continue(cache, 4)).Message);
    }

    private static ModelConfig Sliding(int? window) => new()
    {
        Architecture = "MistralForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 32, MaxPositions = 1024, SlidingWindow = window,
    };
}
