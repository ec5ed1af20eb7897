using System.Numerics;
using TorchSharp.Interop;

namespace TorchSharp.Modules;

/// <summary>
/// The update of AdamW for contiguous float32 memory: one pass that reads p, g, m, v and writes p, m, v. Rounds as the operators do, to the
/// last bit or two. Blocks of 64 Ki elements are shared out among as many threads as libtorch would use.
/// </summary>
internal static unsafe class AdamKernel
{
    internal readonly struct Step(double decay, double beta1, double beta2, double size, double root, double eps)
    {
        internal readonly float Decay = (float)decay, Beta1 = (float)beta1, Rest1 = (float)(1 - beta1), Beta2 = (float)beta2, Rest2 = (float)(1 - beta2);
        internal readonly float Size = (float)-size, Root = (float)root, Eps = (float)eps;
    }

    private const long Block = 1 << 16;

    internal static bool Fits(params ReadOnlySpan<torch.Tensor> tensors)
    {
        foreach (torch.Tensor tensor in tensors)
        {
            Meta m = tensor.Meta;
            if (m.Contiguous == 0 || m.Dtype != (int)torch.ScalarType.Float32 || m.DeviceType != (int)DeviceType.CPU) return false;
        }
        return true;
    }

    internal static void Update(torch.Tensor parameter, torch.Tensor gradient, torch.Tensor average, torch.Tensor square, Step step)
    {
        float* p = (float*)parameter.Meta.Data, g = (float*)gradient.Meta.Data, m = (float*)average.Meta.Data, v = (float*)square.Meta.Data;
        long n = parameter.NumberOfElements, blocks = (n + Block - 1) / Block;
        int threads = (int)Math.Min(torch.get_num_threads(), blocks);
        if (threads <= 1) Run(p, g, m, v, n, step);
        else
            Parallel.For(0, blocks, new ParallelOptions { MaxDegreeOfParallelism = threads }, b =>
            {
                long start = b * Block;
                Run(p + start, g + start, m + start, v + start, Math.Min(Block, n - start), step);
            });
        GC.KeepAlive(parameter);
        GC.KeepAlive(gradient);
        GC.KeepAlive(average);
        GC.KeepAlive(square);
    }

    private static void Run(float* p, float* g, float* m, float* v, long n, in Step s)
    {
        long i = 0;
        var root = new Vector<float>(s.Root);
        var eps = new Vector<float>(s.Eps);
        for (; i + Vector<float>.Count <= n; i += Vector<float>.Count)
        {
            Vector<float> grad = Vector.Load(g + i);
            Vector<float> first = Vector.Load(m + i) * s.Beta1 + grad * s.Rest1;
            Vector<float> second = Vector.Load(v + i) * s.Beta2 + grad * grad * s.Rest2;
            first.Store(m + i);
            second.Store(v + i);
            (Vector.Load(p + i) * s.Decay + first * s.Size / (Vector.SquareRoot(second) / root + eps)).Store(p + i);
        }
        for (; i < n; i++)
        {
            m[i] = m[i] * s.Beta1 + g[i] * s.Rest1;
            v[i] = v[i] * s.Beta2 + g[i] * g[i] * s.Rest2;
            p[i] = p[i] * s.Decay + m[i] * s.Size / (MathF.Sqrt(v[i]) / s.Root + s.Eps);
        }
    }
}
