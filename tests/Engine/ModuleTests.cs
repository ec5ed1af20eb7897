using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Engine;

/// <summary>Registration under field names, state, conversion, modes.</summary>
public sealed class ModuleTests
{
    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly Linear q_proj;
        private readonly Dropout drop;
        private readonly Tensor table;
        public readonly Parameter gain;

        public Block(long size) : base("Block")
        {
            q_proj = nn.Linear(size, size, hasBias: false);
            drop = nn.Dropout(0.5);
            gain = nn.Parameter(ones(size));
            table = arange(3);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => drop.call(q_proj.call(input)) * gain;
    }

    private sealed class Stack : nn.Module<Tensor, Tensor>
    {
        private readonly ModuleList<Block> layers;

        public Stack() : base("Stack")
        {
            layers = nn.ModuleList(new Block(4), new Block(4));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => layers.Aggregate(input, (x, layer) => layer.call(x));
    }

    [Fact]
    public void Keys_are_field_names_along_the_path()
    {
        using var model = new Stack();
        Assert.Equal(["layers.0.gain", "layers.0.q_proj.weight", "layers.0.table", "layers.1.gain", "layers.1.q_proj.weight", "layers.1.table"], model.state_dict().Keys.Order(StringComparer.Ordinal));
        Assert.Equal(4, model.parameters().Count());
        Assert.Equal(["layers.0.table", "layers.1.table"], model.named_buffers().Select(b => b.name));
        Assert.Contains("layers.1.q_proj", model.named_modules().Select(m => m.name));
    }

    [Fact]
    public void State_is_live_and_loads_strictly()
    {
        using var scope = NewDisposeScope();
        using var one = new Stack();
        using var two = new Stack();
        two.load_state_dict(one.state_dict());
        Assert.True(two.state_dict()["layers.1.q_proj.weight"].allclose(one.state_dict()["layers.1.q_proj.weight"]));
        Dictionary<string, Tensor> partial = new() { ["layers.0.gain"] = full(4, 3.0), ["other"] = ones(1) };
        Assert.Contains("other", Assert.Throws<InvalidOperationException>(() => two.load_state_dict(partial)).Message, StringComparison.Ordinal);
        (IList<string> missing, IList<string> unexpected) = two.load_state_dict(partial, strict: false);
        Assert.Equal((5, "other"), (missing.Count, unexpected.Single()));
        Assert.Equal(12, two.state_dict()["layers.0.gain"].sum().ToInt32());
    }

    [Fact]
    public void Conversion_reaches_fields_and_keeps_integers()
    {
        using var scope = NewDisposeScope();
        using var model = new Stack();
        Assert.Same(model, model.to(bfloat16));
        Assert.All(model.parameters(), p => Assert.Equal(ScalarType.BFloat16, p.dtype));
        Assert.All(model.named_buffers(), b => Assert.Equal(ScalarType.Int64, b.buffer.dtype));
        Assert.Equal(ScalarType.BFloat16, model.call(ones([2, 4], bfloat16)).dtype);
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void Dropout_acts_only_in_training()
    {
        using var scope = NewDisposeScope();
        using var drop = nn.Dropout(0.5);
        float[] values = drop.call(ones(1000)).data<float>().ToArray();
        Assert.All(values, v => Assert.True(v is 0 or 2));
        Assert.InRange(values.Count(v => v == 0), 350, 650);
        drop.eval();
        Assert.Equal(1000, drop.call(ones(1000)).sum().ToInt32());
    }

    [Fact]
    public void Names_must_be_new_and_without_dots()
    {
        using var model = new Stack();
        Assert.Throws<ArgumentException>(() => model.register_module("layers", nn.SiLU()));
        Assert.Throws<ArgumentException>(() => model.register_module("a.b", nn.SiLU()));
    }

    [Fact]
    public void Clipping_scales_all_gradients_together()
    {
        using var scope = NewDisposeScope();
        Parameter a = nn.Parameter(zeros(1)), b = nn.Parameter(zeros(1));
        (a.grad, b.grad) = (tensor(new[] { 3f }), tensor(new[] { 4f }));
        Assert.Equal(5, nn.utils.clip_grad_norm_([a, b], 1), 5);
        Assert.Equal(0.6f, a.grad!.item<float>(), 1e-5f);
        Assert.Equal(1, nn.utils.clip_grad_norm_([a, b], 10), 5);
        Assert.Equal(0.8f, b.grad!.item<float>(), 1e-5f);
    }

    [Fact]
    public void Schedulers_set_the_rate_in_closed_form()
    {
        using var layer = nn.Linear(2, 2);
        using var sgd = optim.SGD(layer.parameters(), 0.8);
        var cosine = optim.lr_scheduler.CosineAnnealingLR(sgd, T_max: 4, eta_min: 0.2);
        double[] rates = [.. Enumerable.Range(0, 4).Select(_ => { cosine.step(); return sgd.ParamGroups.Single().LearningRate; })];
        Assert.Equal([0.7121, 0.5, 0.2879, 0.2], rates.Select(r => Math.Round(r, 4)));
        var steps = optim.lr_scheduler.StepLR(sgd, 2, gamma: 0.5);
        Assert.Equal(0.8, steps.get_last_lr().Single());
        steps.step();
        steps.step();
        Assert.Equal(0.4, steps.get_last_lr().Single());
        var warmup = optim.lr_scheduler.LambdaLR(sgd, t => (t + 1) / 10.0);
        warmup.step();
        Assert.Equal(0.16, warmup.get_last_lr().Single(), 9);
    }
}
