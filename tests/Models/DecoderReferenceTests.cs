using HeadKvLab.Cache;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>
/// The lab's decoder against tests/reference/decoder.py, a naive one in Python: random models of every family, 40 tokens, all logits.
/// The largest logits are about 1, so the bounds 1e-4 (float32) and 2e-2 (bfloat16 products) are absolute.
/// </summary>
public sealed class DecoderReferenceTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Models => ["llama", "llama3", "llama-biases", "mistral", "qwen2", "qwen3"];

    public void Dispose() => scope.Dispose();

    private static Decoder Open(string model, ScalarType? compute)
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", model));
        return folder.LoadDecoder(compute);
    }

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
    public void BFloat16PrefillMeetsTheReference(string model)
    {
        using var decoder = Open(model, ScalarType.BFloat16);
        var (ids, logits) = Expected(model);
        Near(logits, Values(decoder.Prefill(ids, allLogits: true)), 2e-2f, model);
    }

    /// <summary>A prompt of 3 (shorter than any window), then token by token to the end.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void DecodingTokenByTokenMeetsTheReference(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        var (ids, logits) = Expected(model);
        var vocabulary = decoder.Config.VocabSize;
        using var cache = new RaggedCache(new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim));
        Near(logits.AsSpan(2 * vocabulary, vocabulary), Values(decoder.Prefill(ids.AsSpan(0, 3), cache)), 1e-4f, $"{model}, prompt");
        var step = new DecodeStep(decoder);
        for (var position = 3; position < ids.Length; position++)
            Near(logits.AsSpan(position * vocabulary, vocabulary), step.Run(ids[position], cache), 1e-4f, $"{model}, position {position}");
    }

    /// <summary>The prompt in pieces of 17, 1 and 22 tokens continues one cache.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void PrefillInPiecesMeetsTheReference(string model)
    {
        using var decoder = Open(model, ScalarType.Float32);
        var (ids, logits) = Expected(model);
        var vocabulary = decoder.Config.VocabSize;
        using var cache = new RaggedCache(new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim));
        var start = 0;
        foreach (var piece in new[] { 17, 1, 22 })
        {
            var found = Values(decoder.Prefill(ids.AsSpan(start, piece), cache, allLogits: true));
            Near(logits.AsSpan(start * vocabulary, piece * vocabulary), found, 1e-4f, $"{model}, piece at {start}");
            start += piece;
        }
    }
}
