using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Tests.Engine;

/// <summary>Optimisers and losses against values of Python's torch: tests/reference/engine.py writes the fixture.</summary>
public sealed class GoldenTests
{
    private sealed record Fixture(OptimiserRun[] Optimisers, LossRun[] Losses);

    private sealed record OptimiserRun(string Name, float[] Start, float[][] Gradients, float[][] After);

    private sealed record LossRun(string Name, float[][] Inputs, double Value, float[][] Gradients);

    private static readonly Fixture Golden = JsonSerializer.Deserialize<Fixture>(
        File.ReadAllText(RepositoryFiles.Path("tests/Engine/fixtures/engine.json")), new JsonSerializerOptions(JsonSerializerDefaults.Web))!;

    private static OptimizerHelper Make(string name, IEnumerable<Parameter> p) => name switch
    {
        "adamw" => optim.AdamW(p, lr: 0.01),
        "adamw decay" => optim.AdamW(p, lr: 0.02, beta1: 0.8, beta2: 0.95, eps: 1e-6, weight_decay: 0.1),
        "adamw amsgrad" => optim.AdamW(p, lr: 0.02, weight_decay: 0.05, amsgrad: true),
        "adamw maximize" => optim.AdamW(p, lr: 0.02, weight_decay: 0.05, maximize: true),
        "adam decay" => optim.Adam(p, lr: 0.02, weight_decay: 0.1),
        "sgd" => optim.SGD(p, 0.1, momentum: 0.9, weight_decay: 0.01),
        "sgd nesterov" => optim.SGD(p, 0.1, momentum: 0.9, nesterov: true),
        _ => throw new ArgumentException(name),
    };

    [Theory]
    [InlineData("adamw", 1e-6)]
    [InlineData("adamw decay", 1e-6)]
    [InlineData("adamw amsgrad", 1e-6)]
    [InlineData("adamw maximize", 1e-6)]
    [InlineData("adam decay", 1e-6)]
    [InlineData("sgd", 1e-6)]
    [InlineData("sgd nesterov", 1e-6)]
    public void Optimisers_step_as_in_python(string name, double tolerance)
    {
        OptimiserRun run = Golden.Optimisers.Single(o => o.Name == name);
        using var scope = NewDisposeScope();
        Parameter parameter = nn.Parameter(tensor(run.Start));
        using OptimizerHelper optimizer = Make(name, [parameter]);
        for (int step = 0; step < run.Gradients.Length; step++)
        {
            if (step == 3)
                foreach (var group in optimizer.ParamGroups) group.LearningRate *= 0.5;
            parameter.grad = tensor(run.Gradients[step]);
            optimizer.step();
            Close(run.After[step], parameter, tolerance, $"{name}, step {step}");
        }
    }

    [Theory]
    [InlineData("adamw decay")]
    [InlineData("sgd")]
    public void A_saved_optimiser_goes_on_where_it_stopped(string name)
    {
        OptimiserRun run = Golden.Optimisers.Single(o => o.Name == name);
        using var scope = NewDisposeScope();
        using var file = new MemoryStream();
        Parameter parameter = nn.Parameter(tensor(run.Start));
        OptimizerHelper optimizer = Make(name, [parameter]);
        for (int step = 0; step < run.Gradients.Length; step++)
        {
            if (step == 3)
                foreach (var group in optimizer.ParamGroups) group.LearningRate *= 0.5;
            parameter.grad = tensor(run.Gradients[step]);
            optimizer.step();
            if (step != 1) continue;
            using (var writer = new BinaryWriter(file, System.Text.Encoding.UTF8, leaveOpen: true)) optimizer.save_state_dict(writer);
            optimizer.Dispose();
            optimizer = Make(name, [parameter]);
            file.Position = 0;
            using var reader = new BinaryReader(file, System.Text.Encoding.UTF8, leaveOpen: true);
            optimizer.load_state_dict(reader);
        }
        Close(run.After[^1], parameter, 1e-6, name);
        optimizer.Dispose();
    }

    [Fact]
    public void A_large_parameter_takes_the_same_steps_as_a_small_one()
    {
        using var scope = NewDisposeScope();
        const int n = 200_003;   // several blocks and a ragged end of the fused update
        Tensor start = linspace(-1, 1, n), gradient = linspace(2, -3, n);
        Parameter whole = nn.Parameter(start.clone()), doubled = nn.Parameter(start.to(float64));
        using var fast = optim.AdamW([whole], lr: 0.01, weight_decay: 0.1);
        using var slow = optim.AdamW([doubled], lr: 0.01, weight_decay: 0.1);
        for (int step = 0; step < 3; step++)
        {
            whole.grad = gradient.clone();
            doubled.grad = gradient.to(float64);
            fast.step();
            slow.step();
        }
        Assert.True(whole.to(float64).allclose(doubled, rtol: 1e-5, atol: 1e-6));
        Assert.False(whole.allclose(start));
    }

    [Fact]
    public void Losses_and_their_gradients_are_those_of_python()
    {
        using Tensor target = tensor(new long[] { 1, 0, -100, 4 });
        Check("cross entropy", [[4, 5]], x => F.cross_entropy(x[0], target));
        Check("cross entropy smoothed", [[4, 5]], x => F.cross_entropy(x[0], target, reduction: nn.Reduction.Sum, label_smoothing: 0.1));
        Check("kl of logs", [[3, 6], [3, 6]], x => F.kl_div(F.log_softmax(x[0], -1), F.log_softmax(x[1], -1), reduction: nn.Reduction.Sum));
        Check("layer norm", [[3, 6], [6], [6]], x => F.layer_norm(x[0], [6], x[1], x[2]).pow(3).sum());
        Check("attention", [[3, 4], [5, 4], [5, 4]], x => F.scaled_dot_product_attention(x[0], x[1], x[2]).pow(2).sum());
        Check("gelu silu", [[9]], x => (F.gelu(x[0]) * F.silu(x[0])).sum());
    }

    private static void Check(string name, long[][] shapes, Func<Tensor[], Tensor> compute)
    {
        LossRun run = Golden.Losses.Single(l => l.Name == name);
        using var scope = NewDisposeScope();
        Tensor[] inputs = [.. run.Inputs.Select((values, i) => tensor(values, shapes[i], requires_grad: true))];
        Tensor loss = compute(inputs);
        Assert.Equal(run.Value, loss.ToDouble(), 1e-4 * Math.Max(1, Math.Abs(run.Value)));
        loss.backward();
        for (int i = 0; i < inputs.Length; i++) Close(run.Gradients[i], inputs[i].grad!, 2e-5, $"{name}, gradient {i}");
    }

    private static void Close(float[] expected, Tensor actual, double tolerance, string what)
    {
        float[] found = actual.data<float>().ToArray();
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - found[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"{what}, element {i}: {found[i]} where Python has {expected[i]}");
    }
}
