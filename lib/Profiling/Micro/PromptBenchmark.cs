using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Profiling.Micro;

/// <summary>
/// Attention of a prompt by the lab's kernel and by its tensor operations against libtorch's fused attention, and products of narrow numbers against float32.
/// Says where the package would be as good as what the lab does itself.
/// </summary>
public static class PromptBenchmark
{
    private const int QueryHeads = 8, KvHeads = 2;

    /// <summary>Runs all cases.</summary>
    /// <param name="repetitions">Alternated repetitions; medians are reported.</param>
    public static IEnumerable<Measurement> Run(int repetitions)
    {
        foreach (var dim in new[] { 64, 128 })
            foreach (var tokens in new[] { 128, 512, 2048, 8192 })
                foreach (var figure in Forward(tokens, dim, repetitions)) yield return figure;
        foreach (var figure in Backward(8, 512, 64, repetitions)) yield return figure;
        foreach (var rows in new[] { 1, 512 })
            foreach (var figure in Products(rows, repetitions)) yield return figure;
    }

    private static IEnumerable<Measurement> Forward(int tokens, int dim, int repetitions)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var name = $"prompt of {tokens:N0} tokens, {QueryHeads} query and {KvHeads} KV heads of {dim}";
        var (q, k, v) = Numbers(1, tokens, dim);
        var scale = 1 / MathF.Sqrt(dim);
        var times = Stopwatches.Medians(repetitions,
            () => InScope(() => PromptAttention.Causal(q, k, v, scale, null)),
            () => InScope(() => PromptAttention.ByTensors(q, k, v, scale, null)),
            () => InScope(() => PromptAttention.Fused(q, k, v, scale)));
        yield return new(name, "lab's kernel", times[0], "ms");
        yield return new(name, "lab's tensor operations / kernel", times[1] / times[0], "1");
        yield return new(name, "fused attention of libtorch / kernel", times[2] / times[0], "1");
    }

    private static IEnumerable<Measurement> Backward(int batch, int tokens, int dim, int repetitions)
    {
        using var scope = NewDisposeScope();
        var name = $"{batch} sequences of {tokens:N0} tokens, forward and backward";
        var (q, k, v) = Numbers(batch, tokens, dim);
        Tensor[] inputs = [q, k, v];
        foreach (var input in inputs) input.requires_grad = true;
        var scale = 1 / MathF.Sqrt(dim);
        var times = Stopwatches.Medians(repetitions,
            () => Step(() => PromptAttention.ByTensors(q, k, v, scale, null).Mixed),
            () => Step(() => PromptAttention.Fused(q, k, v, scale)));
        yield return new(name, "lab's tensor operations", times[0], "ms");
        yield return new(name, "fused attention of libtorch / lab's", times[1] / times[0], "1");

        void Step(Func<Tensor> attend)
        {
            using var step = NewDisposeScope();
            attend().sum().backward();
            foreach (var input in inputs)
            {
                input.grad?.Dispose();
                input.grad = null;
            }
        }
    }

    private static IEnumerable<Measurement> Products(int rows, int repetitions)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var name = $"{rows} x 1,024 by 1,024 x 4,096";
        var (x, w) = (randn(rows, 1024), randn(4096, 1024));
        Tensor half = x.to(ScalarType.Float16), halfWeights = w.to(ScalarType.Float16), brain = x.to(ScalarType.BFloat16), brainWeights = w.to(ScalarType.BFloat16);
        var times = Stopwatches.Medians(repetitions,
            () => InScope(() => F.linear(x, w)),
            () => InScope(() => F.linear(x, halfWeights.to(ScalarType.Float32))),
            () => InScope(() => F.linear(half, halfWeights)),
            () => InScope(() => F.linear(brain, brainWeights)));
        yield return new(name, "float32", times[0], "ms");
        yield return new(name, "float16, multiplied as float32 (the lab's way) / float32", times[1] / times[0], "1");
        yield return new(name, "float16 of libtorch / float32", times[2] / times[0], "1");
        yield return new(name, "bfloat16 of libtorch / float32", times[3] / times[0], "1");
    }

    private static (Tensor Q, Tensor K, Tensor V) Numbers(long batch, long tokens, long dim) =>
        (randn(batch, tokens, QueryHeads, dim).transpose(1, 2), randn(batch, tokens, KvHeads, dim).transpose(1, 2), randn(batch, tokens, KvHeads, dim).transpose(1, 2));

    private static void InScope<T>(Func<T> run)
    {
        using var scope = NewDisposeScope();
        run();
    }
}
