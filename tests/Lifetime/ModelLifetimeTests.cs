using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Lifetime;

/// <summary>Several sequences over one model, models that were disposed, and files that were closed.</summary>
public sealed class ModelLifetimeTests
{
    private static readonly string Folder = Repository.Path("data", "models", "world-4m");

    private static RaggedCache Prompt(LanguageModel model, int length)
    {
        var cache = new RaggedCache(model.CacheShape());
        model.Engine.Prefill([.. Enumerable.Range(0, length).Select(i => 1 + i * 37 % 1900)], cache);
        return cache;
    }

    [Fact]
    public void Continuations_of_one_model_keep_their_logits()
    {
        var model = Repository.Model;
        using RaggedCache one = Prompt(model, 12), two = Prompt(model, 30);
        using DecodeSession first = model.Engine.Continue(one, 4), second = model.Engine.Continue(two, 4);
        var logits = first.Run(7);
        var copy = logits.ToArray();
        Assert.NotEqual(copy, second.Run(9).ToArray());
        Assert.Equal(copy, logits.ToArray());
    }

    /// <summary>Each on a thread of its own, over the same weights: to the bit what each gives alone.</summary>
    [Fact]
    public void Sessions_decode_side_by_side()
    {
        var model = Repository.Model;
        float[] Decode(int sequence)
        {
            using var cache = Prompt(model, 10 + 5 * sequence);
            using var continuation = model.Engine.Continue(cache, 30);
            return [.. Enumerable.Range(0, 30).SelectMany(t => continuation.Run(1 + (sequence * 100 + t * 13) % 1900).ToArray())];
        }
        float[][] alone = [.. Enumerable.Range(0, 4).Select(Decode)], together = new float[4][];
        var threads = Enumerable.Range(0, 4).Select(s => new Thread(() => together[s] = Decode(s))).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(alone, together);
    }

    [Fact]
    public void An_observer_sees_its_own_session_only()
    {
        var model = Repository.Model;
        using RaggedCache watched = Prompt(model, 6), other = Prompt(model, 20);
        var recorder = new AttentionRecorder(model.Config);
        using DecodeSession seen = model.Engine.Continue(watched, 2, recorder), unseen = model.Engine.Continue(other, 2);
        seen.Run(5);
        unseen.Run(5);
        model.Step.Run(5, other);
        Assert.Equal(7 * model.Config.QueryHeads, recorder.Row(0).Length);
    }

    [Fact]
    public void A_disposed_model_refuses_to_run()
    {
        var model = LanguageModel.Load(Folder);
        using var cache = Prompt(model, 6);
        var continuation = model.Engine.Continue(cache, 4);
        var (step, ids) = (model.Step, model.Tokenizer.Encode("Eva"));
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { continuation.Run(5); });
        Assert.Throws<ObjectDisposedException>(() => { step.Run(5, cache); });
        Assert.Throws<ObjectDisposedException>(() => { step.Session().Run(5, cache); });
        Assert.Contains("empty handle", Assert.Throws<InvalidOperationException>(() => model.Decoder.Prefill([1, 2])).Message);
        Assert.Contains("empty handle", Assert.Throws<InvalidOperationException>(() => new DecodeStep(model.Decoder)).Message);
        Assert.Equal(6, cache.LogicalLength);
        Assert.Equal(ids, model.Tokenizer.Encode("Eva")); // what is told of it stays
        Assert.Equal(NumberFormat.Float32, model.Type);
    }

    /// <summary>A step of one's own may end while the model goes on.</summary>
    [Fact]
    public void A_disposed_step_leaves_its_decoder_and_its_sessions_leave_the_step()
    {
        var model = Repository.Model;
        var step = new DecodeStep(model.Decoder, DecodePrecision.Int8);
        using var cache = Prompt(model, 6);
        using (var session = step.Session()) session.Run(5, cache);
        step.Run(5, cache);
        step.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { step.Run(5, cache); });
        model.Decoder.Prefill([1, 2]).Dispose();
    }

    [Fact]
    public unsafe void A_disposed_matrix_is_an_exception()
    {
        var numbers = new float[64];
        fixed (float* memory = numbers)
        {
            var view = new PackedMatrix((nint)memory, NumberFormat.Float32, 4, 16);
            foreach (var matrix in new[] { view.Quantise(), view.Narrowed(), view })
            {
                matrix.Dispose();
                matrix.Dispose();
                Assert.Throws<ObjectDisposedException>(() => MatrixVector.Multiply(matrix, new float[16], new float[4]));
                Assert.Throws<ObjectDisposedException>(() => MatrixVector.Multiply(new float[16], 1, matrix, new float[4], matrix, new float[4]));
                Assert.Throws<ObjectDisposedException>(() => matrix.Row(0, new float[16]));
            }
        }
    }

    [Fact]
    public void A_closed_file_gives_nothing()
    {
        var file = SafetensorsFile.Open(Path.Combine(Folder, "model.safetensors"));
        var (large, small) = (file.Tensors.Values.MaxBy(t => t.Length)!, file.Tensors.Values.MinBy(t => t.Length)!);
        file.Load(large.Name).Dispose();
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Load(large.Name));
        Assert.Throws<ObjectDisposedException>(() => file.Load(small.Name));
    }

    [Fact]
    public void A_file_serves_several_threads()
    {
        for (var round = 0; round < 10; round++)
        {
            using var file = SafetensorsFile.Open(Path.Combine(Folder, "model.safetensors"));
            var sums = new float[8];
            Parallel.For(0, sums.Length, i =>
            {
                using var scope = NewDisposeScope();
                sums[i] = file.Tensors.Keys.Order(StringComparer.Ordinal).Sum(name => file.Load(name).to_type(ScalarType.Float32).abs().max().item<float>());
            });
            Assert.All(sums, sum => Assert.Equal(sums[0], sum));
        }
    }
}
