using HeadKvLab.Cache;
using HeadKvLab.Models;
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
        Inference exact = new(decoder), narrow = new(decoder, DecodePrecision.Int8);
        Assert.InRange(narrow.WeightBytes / (double)exact.WeightBytes, 0.5, 0.52);
        Assert.NotEqual(exact.Continue(first, 1).Run(7).ToArray(), narrow.Continue(second, 1).Run(7).ToArray());
        Assert.Contains("--decode-weights", Assert.Throws<LabException>(() => new Inference(decoder, byTensors: true, DecodePrecision.Int8)).Message);
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
        Assert.Throws<ArgumentException>(() => { step.Run([1, 2], [cache]); });
        Assert.Throws<ArgumentException>(() => { step.Run([1, 2, 3], [cache, cache, cache]); });
        Assert.Throws<LabException>(() => new DecodeStep(decoder, batch: 0));
    }
}
