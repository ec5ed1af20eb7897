using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Tests.Engine;

/// <summary>Gradients against central differences in float64, and the modes that switch recording.</summary>
public sealed class GradientTests
{
    public static TheoryData<string> Functions => new(All.Keys);

    private static readonly Dictionary<string, Func<Tensor, Tensor>> All = new()
    {
        ["softmax"] = x => x.softmax(-1).pow(2),
        ["log softmax"] = x => x.log_softmax(0) * x,
        ["logsumexp"] = x => x.logsumexp(1),
        ["root mean square norm"] = x => x * (x.pow(2).mean([-1], keepdim: true) + 1e-5).rsqrt(),
        ["silu, sigmoid, exp, cos"] = x => x.silu() + x.sigmoid() * x.exp() - x.cos(),
        ["matrix products"] = x => x.matmul(x.t()) + x.mm(x.t()) * 0.5,
        ["batched product"] = x => x.view(2, 2, 3).bmm(x.view(2, 2, 3).transpose(1, 2)),
        ["einsum"] = x => einsum("ij,kj->ik", x, x),
        ["linear"] = x => F.linear(x, x, x.sum(1)),
        ["cat, stack, narrow"] = x => cat([x, stack([x[0], x[1]]) * 2]).narrow(0, 1, 4).pow(2),
        ["gather"] = x => x.gather(1, tensor(new long[] { 0, 0, 2, 1, 1, 1, 2, 0 }, 4, 2)).pow(3),
        ["index_select"] = x => x.index_select(0, tensor(new long[] { 3, 3, 0 })).pow(2),
        ["index expression"] = x => x[TensorIndex.Slice(1, 3), ^1].pow(2) + x[tensor(new long[] { 0, 2 }), 1],
        ["scatter_add"] = x => zeros([4, 3], float64).scatter_add(0, tensor(new long[] { 0, 0, 1, 2, 0, 1 }, 2, 3), x[..2]).pow(2),
        ["where, masked_fill"] = x => where(x.gt(0), x * 2, x * 3) + x.masked_fill(x.lt(-0.5), 0).pow(2),
        ["cumsum, tril"] = x => x.cumsum(0).pow(2) + x.cumsum(1).tril(),
        ["topk values"] = x => x.topk(2).values.pow(2),
        ["max, amax, std"] = x => x.max(1).values + x.amax([1]) * x.std(1),
        ["max_pool1d"] = x => F.max_pool1d(x.unsqueeze(0), 3, stride: 1, padding: 1).pow(2),
        ["avg_pool1d"] = x => F.avg_pool1d(x.unsqueeze(0), 3, stride: 1, padding: 1).pow(2),
        ["conv1d"] = x => F.conv1d(x.view(1, 2, 6), x[..8].view(2, 2, 2), stride: 2, padding: 1).pow(2),
        ["pad, one minus, divide"] = x => (1 - F.pad(x, [1, 2]) / (2 + x.pow(2).sum())).pow(2),
        ["normalize, cosine"] = x => F.normalize(x, dim: 1).sum() + F.cosine_similarity(x, x * x, dim: 1),
        ["attention, causal"] = x => F.scaled_dot_product_attention(x, x * 2, x + 1, is_casual: true).pow(2),
        ["repeat, expand, flatten"] = x => x.repeat(2, 1).flatten() * x.unsqueeze(0).expand(2, 4, 3).reshape(-1),
        ["repeat_interleave, permute"] = x => x.repeat_interleave(2, dim: 0).permute(1, 0).pow(2),
        ["quantile"] = x => x.quantile(tensor(new[] { 0.3, 0.8 }), dim: 0).pow(2),
    };

    [Theory]
    [MemberData(nameof(Functions))]
    public void Backward_agrees_with_central_differences(string name)
    {
        using var scope = NewDisposeScope();
        double[] at = [0.31, -0.72, 1.15, -0.44, 0.93, 0.08, -1.21, 0.57, 0.66, 1.37, -0.15, -0.89];
        long[] shape = name == "conv1d" ? [12] : [4, 3];
        Func<Tensor, Tensor> function = All[name];
        Tensor x = tensor(at, shape, requires_grad: true);
        function(x).sum().backward();
        double[] gradient = x.grad!.data<double>().ToArray();
        const double h = 1e-5;
        for (int i = 0; i < at.Length; i++)
        {
            double numeric = (Value(i, h) - Value(i, -h)) / (2 * h);
            Assert.True(Math.Abs(numeric - gradient[i]) < 1e-6 * Math.Max(1, Math.Abs(numeric)), $"{name}, element {i}: backward {gradient[i]}, difference {numeric}");
        }

        double Value(int i, double step)
        {
            using var inner = NewDisposeScope();
            using var quiet = no_grad();
            double[] moved = [.. at];
            moved[i] += step;
            return function(tensor(moved, shape)).sum().item<double>();
        }
    }

    [Fact]
    public void Gradients_accumulate_and_can_be_cleared()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new[] { 2f, 3f }, requires_grad: true);
        x.pow(2).sum().backward();
        x.pow(2).sum().backward();
        Assert.Equal([8f, 12f], x.grad!.data<float>().ToArray());
        x.grad = null;
        Assert.Null(x.grad);
    }

    [Fact]
    public void Modes_switch_recording_and_nest()
    {
        using var scope = NewDisposeScope();
        Tensor x = ones(2, requires_grad: true);
        Assert.True((x * 2).requires_grad);
        using (no_grad())
        {
            Assert.False(is_grad_enabled());
            Assert.False((x * 2).requires_grad);
            using (enable_grad()) Assert.True((x * 2).requires_grad);
            Assert.False(is_grad_enabled());
        }
        using (inference_mode()) Assert.False((x * 2).requires_grad);
        Assert.True(is_grad_enabled());
        using (set_grad_enabled(false)) Assert.False(is_grad_enabled());
        Assert.True((x * 2).requires_grad);
        Assert.False(x.detach().requires_grad);
    }

    [Fact]
    public void Grad_mode_belongs_to_its_thread()
    {
        using var quiet = no_grad();
        bool other = false;
        var thread = new Thread(() => other = is_grad_enabled());
        thread.Start();
        thread.Join();
        Assert.True(other);
    }

    [Fact]
    public void Second_derivatives_come_from_a_created_graph()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new[] { 1.5, -2.0 }, requires_grad: true);
        Tensor first = autograd.grad([x.pow(3).sum()], [x], create_graph: true)[0];
        Tensor second = autograd.grad([first.sum()], [x])[0];
        Assert.Equal([9.0, -12.0], second.data<double>().ToArray());
        Assert.Null(x.grad);
    }
}
