using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Profiling.Engine;

/// <summary>
/// The operator calls whose cost is compared with Python's torch on the same library. tests/benchmarks/peer_ops.py runs the same cases under the
/// same names; each call makes its result and gives it back, as a reference count does in Python.
/// </summary>
public static class OperatorCases
{
    /// <summary>Cases by name, in order: small ones show the cost of a call, large ones that of memory and threads.</summary>
    public static IReadOnlyList<(string Name, Action Call)> All()
    {
        using var quiet = no_grad();
        using var generator = new Generator(7);
        Tensor Make(params long[] size) => randn(size, generator: generator).DetachFromDisposeScope();
        Tensor four = Make(4), square = Make(64, 64), rows = Make(256, 512), table = Make(2000, 512), weight = Make(2048, 512), scores = Make(8, 256, 256);
        Tensor hidden = Make(256, 2048), big = Make(4096, 3072), line = Make(8192), rows16 = rows.to(bfloat16), weight16 = weight.to(bfloat16);
        Tensor ids = randint(0, 2000, [256], generator: generator), leaf = Make(512).requires_grad_();
        return
        [
            ("add [4]", () => four.add(four).Dispose()),
            ("mul scalar [4]", () => four.mul(1.5).Dispose()),
            ("softmax [4]", () => four.softmax(-1).Dispose()),
            ("transpose [64,64] (view)", () => square.transpose(0, 1).Dispose()),
            ("view [64,64] as [8,8,64]", () => square.view(8, 8, 64).Dispose()),
            ("select row of [64,64]", () => square.select(0, 3).Dispose()),
            ("narrow [64,64] to 16 rows", () => square.narrow(0, 8, 16).Dispose()),
            ("cat two of [4]", () => cat([four, four]).Dispose()),
            ("matmul [64,64]", () => square.matmul(square).Dispose()),
            ("index_select 256 of [2000,512]", () => table.index_select(0, ids).Dispose()),
            ("mean square rsqrt [256,512]", () => RootMeanSquare(rows)),
            ("silu [256,2048]", () => F.silu(hidden).Dispose()),
            ("softmax [8,256,256]", () => scores.softmax(-1).Dispose()),
            ("topk 64 of [8192]", () => TopK(line)),
            ("linear [256,512]x[2048,512]", () => F.linear(rows, weight).Dispose()),
            ("linear bf16 [256,512]x[2048,512]", () => F.linear(rows16, weight16).Dispose()),
            ("add [4096,3072] (48 MB)", () => big.add(big).Dispose()),
            ("backward of (x*x).sum() [512]", () => Backward(leaf)),
        ];
    }

    private static void RootMeanSquare(Tensor x)
    {
        // each intermediate is given back as soon as it is used, as Python's reference counts do
        Tensor square = x.pow(2), mean = square.mean([-1], keepdim: true);
        square.Dispose();
        using Tensor shifted = mean.add(1e-5), scale = shifted.rsqrt(), result = x.mul(scale);
        mean.Dispose();
    }

    private static void TopK(Tensor x)
    {
        (Tensor values, Tensor indices) = x.topk(64);
        values.Dispose();
        indices.Dispose();
    }

    private static void Backward(Tensor x)
    {
        using Tensor square = x.mul(x), total = square.sum();
        total.backward();
        x.grad = null;
    }
}
