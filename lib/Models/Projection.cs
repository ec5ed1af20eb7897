using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Models;

/// <summary>A linear map <c>y = x Wᵀ + b</c> whose product runs in the compute type and returns float32. On the CPU, float16 is multiplied as float32: libtorch's own product takes 3.5 times as long on 512 rows (<c>lab bench prompt</c>).</summary>
internal sealed class Projection : Module<Tensor, Tensor>
{
    internal readonly Parameter weight;   // [outputs, inputs]
    internal readonly Parameter? bias;    // [outputs]
    private readonly ScalarType? compute;

    internal Projection(WeightSource source, string name, long outputs, long inputs, bool hasBias, ScalarType? compute) : base(name)
    {
        weight = source($"{name}.weight", outputs, inputs);
        bias = hasBias ? source($"{name}.bias", outputs) : null;
        this.compute = compute;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => Multiply(input, weight, bias, compute);

    internal static Tensor Multiply(Tensor x, Parameter weight, Parameter? bias, ScalarType? compute)
    {
        var type = compute ?? weight.dtype;
        if (type == ScalarType.Float16 && x.device_type == DeviceType.CPU) type = ScalarType.Float32;
        var product = F.linear(Cast(x, type), Cast(weight, type), bias is null ? null : Cast(bias, type));
        return Cast(product, ScalarType.Float32);
    }

    internal static Tensor Cast(Tensor x, ScalarType type) => x.dtype == type ? x : x.to(type);
}

/// <summary>RMSNorm (arXiv 1910.07467): <c>x / √(mean(x²) + ε) · w</c> over the last dimension, sums and gains in float32.</summary>
internal sealed class RootMeanSquare : Module<Tensor, Tensor>
{
    private static readonly long[] LastDim = [-1];
    internal readonly Parameter weight;   // [dim]
    internal readonly double epsilon;

    internal RootMeanSquare(WeightSource source, string name, long dim, double epsilon) : base(name)
    {
        weight = source($"{name}.weight", dim);
        this.epsilon = epsilon;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        if (FusedRows.Suit(input)) return FusedRows.Normalise(input, Projection.Cast(weight, ScalarType.Float32), epsilon);
        var scale = rsqrt(input.mul(input).mean(LastDim, keepdim: true) + epsilon);
        return input * scale * Projection.Cast(weight, ScalarType.Float32);
    }
}

/// <summary>Rows of the embedding matrix, as float32.</summary>
internal sealed class EmbeddingTable : Module<Tensor, Tensor>
{
    internal readonly Parameter weight;   // [vocabulary, hidden]

    internal EmbeddingTable(WeightSource source, string name, long vocabulary, long hidden) : base(name)
    {
        weight = source($"{name}.weight", vocabulary, hidden);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var rows = weight.index_select(0, input.reshape(-1));
        return Projection.Cast(rows, ScalarType.Float32).view(input.shape[0], input.shape[1], weight.shape[1]);
    }
}
