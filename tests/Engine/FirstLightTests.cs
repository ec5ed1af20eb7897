using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Tests.Engine;

/// <summary>The engine can be loaded, differentiates, trains, and reports errors as exceptions.</summary>
public sealed class FirstLightTests
{
    private sealed class Net : nn.Module<Tensor, Tensor>
    {
        private readonly Embedding embed;
        private readonly ModuleList<Linear> layers;
        private readonly Parameter scale;

        public Net() : base("Net")
        {
            embed = nn.Embedding(16, 8);
            layers = nn.ModuleList(nn.Linear(8, 8), nn.Linear(8, 16, hasBias: false));
            scale = nn.Parameter(ones(8));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => layers[1].call(layers[0].call(embed.call(input) * scale).silu());
    }

    [Fact]
    public void A_small_network_learns_the_next_token_and_leaves_no_tensor_behind()
    {
        manual_seed(1);
        using var net = new Net();
        Assert.Equal(["scale", "embed.weight", "layers.0.weight", "layers.0.bias", "layers.1.weight"], net.named_parameters().Select(p => p.name));
        using var optimizer = optim.AdamW(net.parameters(), lr: 0.01, weight_decay: 0.01);
        using Tensor input = arange(0, 15), target = arange(1, 16);
        float first = 0, last = 0;
        long live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (int step = 0; step < 150; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            Tensor loss = F.cross_entropy(net.call(input), target);
            loss.backward();
            nn.utils.clip_grad_norm_(net.parameters(), 1.0);
            optimizer.step();
            last = loss.item<float>();
            if (step == 0) first = last;
        }
        Assert.True(last < 0.2 * first, $"loss went from {first} to {last}");
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Two_threads_train_at_once()
    {
        Parallel.For(0, 2, _ => A_small_network_learns_the_next_token_and_leaves_no_tensor_behind());
    }

    [Fact]
    public void Index_expressions_follow_python()
    {
        using var scope = NewDisposeScope();
        Tensor x = arange(24).reshape(2, 3, 4);
        Assert.Equal([19, 23], x[1, 1.., ^1].data<long>().ToArray());
        Assert.Equal([3, 15], x[.., 0, ^1].data<long>().ToArray());
        Assert.Equal([2, 3, 1, 4], x[TensorIndex.Ellipsis, TensorIndex.None, TensorIndex.Colon].shape);
        Assert.Equal([4, 0], x[0, tensor(new long[] { 1, 0 }), 0].data<long>().ToArray());
        x[0, 0] = tensor(new long[] { 9, 9, 9, 9 });
        Assert.Equal(36, x[0, 0].sum().item<long>());
        Assert.Equal(12, x[x.gt(11)].shape[0]);
    }

    [Fact]
    public void Native_errors_arrive_as_exceptions()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ExternalException>(() => zeros(2, 3).mm(zeros(2, 3)));
        Assert.Contains("cannot be multiplied", error.Message, StringComparison.Ordinal);
        Assert.Throws<ExternalException>(() => zeros(2, 3).view(7));
        Assert.Throws<ArgumentException>(() => zeros(2).item<double>());
    }

    [Fact]
    public void Elements_go_in_and_out()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3).to(bfloat16);
        using var bytes = new MemoryStream();
        x.t().WriteBytesToStream(bytes);
        Assert.Equal(12, bytes.Length);
        Tensor y = empty([3, 2], bfloat16);
        bytes.Position = 0;
        y.ReadBytesFromStream(bytes);
        Assert.True(y.t().equal_(x));
        var shared = new float[] { 1, 2 };
        from_array(shared).mul_(3);
        Assert.Equal([3f, 6f], shared);
        Assert.Equal(["4", "2"], tensor(new[] { 1, 4, 2 })[1..].data<int>().ToArray().Select(v => v.ToString()));
    }
}

file static class Compare
{
    public static bool equal_(this Tensor a, Tensor b) => a.eq(b).all().item<bool>();
}
