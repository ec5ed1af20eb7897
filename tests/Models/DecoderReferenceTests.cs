using HeadKvLab.Cache;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>
/// The lab's decoder against tests/reference/decoder.py, a naive one in Python: random models of every family, 40 or 150 tokens, all logits.
/// The largest logits are about 1, so the bounds are absolute: 1e-4 in float32, 2e-2 with bfloat16 and 2e-3 with float16 matrices.
/// </summary>
public sealed class DecoderReferenceTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Models => ["llama", "llama3", "llama-biases", "mistral", "qwen2", "qwen3", "llama-long", "mistral-long"];

    public void Dispose() => scope.Dispose();

    private static Decoder Open(string model, ScalarType? compute)
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", model));
        return folder.LoadDecoder(compute);
    }

    private static RaggedCache Cache(Decoder decoder) => new(new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim));

    private static (int[] Ids, float[] Logits) Expected(string model)
    {
        using var file = SafetensorsFile.Open(TestFiles.Fixture("models", model, "expected.safetensors"));
        using var ids = file.Load("ids");
        using var logits = file.Load("logits");
        return ([.. ids.data<long>().ToArray().Select(id => (int)id)], logits.data<float>().ToArray());
    }

    private static float[] Values(Tensor tensor) => tensor.to_type(ScalarType.Float32).contiguous().data<float>().ToArray();

    private static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float bound, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = 0f;
        for (var i = 0; i < expected.Length; i++) largest = MathF.Max(largest, float.IsNaN(actual[i]) ? float.PositiveInfinity : MathF.Abs(expected[i] - actual[i]));
        Assert.True(largest <= bound, FormattableString.Invariant($"{what}: logits differ by {largest:g3}, allowed {bound:g3}"));
    }

    /// <summary>What training follows, and what is freed with the decoder: each weight once, under the name of its tensor.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void EveryWeightIsAParameter(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        Assert.Equal(ModelTensors.Of(decoder.Config).Select(t => t.Name).Order(StringComparer.Ordinal), decoder.named_parameters().Select(p => p.name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void PrefillMeetsTheReference(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        var (ids, logits) = Expected(model);
        Near(logits, Values(decoder.Prefill(ids, allLogits: true)), 1e-4f, model);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void NarrowWeightsMeetTheReference(string model)
    {
        var (ids, logits) = Expected(model);
        foreach (var (type, bound) in new[] { (ScalarType.BFloat16, 2e-2f), (ScalarType.Float16, 2e-3f) })
        {
            using var decoder = Open(model, type);
            var vocabulary = decoder.Config.VocabSize;
            Near(logits, Values(decoder.Prefill(ids, allLogits: true)), bound, $"{model} in {type}, prefill");
            using var cache = Cache(decoder);
            decoder.Prefill(ids.AsSpan(0, 3), cache).Dispose();
            var step = new DecodeStep(decoder, DecodePrecision.AsLoaded);
            for (var position = 3; position < ids.Length; position++)
                Near(logits.AsSpan(position * vocabulary, vocabulary), step.Run(ids[position], cache), bound, $"{model} in {type}, position {position}");
            Assert.All(decoder.parameters(), weight => Assert.Equal(weight.shape.Length == 1 ? ScalarType.Float32 : type, weight.dtype));
        }
    }

    /// <summary>What decoding finds at each position is what one prefill of everything finds there, and so is what a fresh prefill up to there finds.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void DecodingMeetsPrefill(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        var (ids, _) = Expected(model);
        var vocabulary = decoder.Config.VocabSize;
        var whole = Values(decoder.Prefill(ids, allLogits: true));
        using var cache = Cache(decoder);
        var step = new DecodeStep(decoder);
        for (var position = 0; position < ids.Length; position++)
        {
            var expected = whole.AsSpan(position * vocabulary, vocabulary);
            Near(expected, step.Run(ids[position], cache), 1e-4f, $"{model}, position {position} from an empty cache");
            if (position % 13 == 0) Near(expected, Values(decoder.Prefill(ids.AsSpan(0, position + 1))), 1e-4f, $"{model}, prefill to {position}");
        }
    }

    /// <summary>A prompt of 3 (shorter than any window), then token by token to the end.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void DecodingTokenByTokenMeetsTheReference(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        var (ids, logits) = Expected(model);
        var vocabulary = decoder.Config.VocabSize;
        using var cache = Cache(decoder);
        Near(logits.AsSpan(2 * vocabulary, vocabulary), Values(decoder.Prefill(ids.AsSpan(0, 3), cache)), 1e-4f, $"{model}, prompt");
        var step = new DecodeStep(decoder);
        for (var position = 3; position < ids.Length; position++)
            Near(logits.AsSpan(position * vocabulary, vocabulary), step.Run(ids[position], cache), 1e-4f, $"{model}, position {position}");
    }

    /// <summary>A full cache that stores bfloat16 takes a prompt in one piece (its own keys and values, unrounded) and in several (what is stored, rounded).</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void NarrowCachesMeetTheReference(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        var (ids, logits) = Expected(model);
        var vocabulary = decoder.Config.VocabSize;
        var shape = new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim, ScalarType.BFloat16);
        using RaggedCache whole = new(shape), pieces = new(shape);
        Near(logits, Values(decoder.Prefill(ids, whole, allLogits: true)), 1e-4f, $"{model}, one piece");
        decoder.Prefill(ids.AsSpan(0, 20), pieces).Dispose();
        Near(logits.AsSpan(20 * vocabulary), Values(decoder.Prefill(ids.AsSpan(20), pieces, allLogits: true)), 2e-2f, $"{model}, second piece");
    }

    /// <summary>The prompt in pieces of 17 tokens, 1 token and the rest continues one cache.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void PrefillInPiecesMeetsTheReference(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        var (ids, logits) = Expected(model);
        var vocabulary = decoder.Config.VocabSize;
        using var cache = Cache(decoder);
        var start = 0;
        foreach (var piece in new[] { 17, 1, ids.Length - 18 })
        {
            var found = Values(decoder.Prefill(ids.AsSpan(start, piece), cache, allLogits: true));
            Near(logits.AsSpan(start * vocabulary, piece * vocabulary), found, 1e-4f, $"{model}, piece at {start}");
            start += piece;
        }
    }
}
