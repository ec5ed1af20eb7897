using TorchSharp.Interop;
using TorchSharp.Modules;

namespace TorchSharp.Modules
{
    using static TorchSharp.torch;

    /// <summary>y = x W^T + b, weight [out_features, in_features].</summary>
    public sealed class Linear : nn.Module<Tensor, Tensor>
    {
        internal Linear(long inputSize, long outputSize, bool hasBias, Device? device, ScalarType? dtype) : base(nameof(Linear))
        {
            (in_features, out_features) = (inputSize, outputSize);
            double bound = inputSize > 0 ? 1 / Math.Sqrt(inputSize) : 0;   // kaiming_uniform(a = sqrt 5), as PyTorch
            weight = Uniform(bound, [outputSize, inputSize], device, dtype);
            register_parameter(nameof(weight), weight);
            if (!hasBias) return;
            bias = Uniform(bound, [outputSize], device, dtype);
            register_parameter(nameof(bias), bias);
        }

        public long in_features { get; }
        public long out_features { get; }
        public Parameter weight { get; set; }
        public Parameter? bias { get; set; }

        public override Tensor forward(Tensor input) => Ops.linear.Call(input, weight, bias);

        private static Parameter Uniform(double bound, long[] size, Device? device, ScalarType? dtype)
        {
            using var _ = no_grad();
            return new Parameter(empty(size, dtype, device).uniform_(-bound, bound));
        }
    }

    /// <summary>Rows of a table by id, weight [num_embeddings, embedding_dims].</summary>
    public sealed class Embedding : nn.Module<Tensor, Tensor>
    {
        private readonly long padding;
        private readonly bool byFrequency, sparseGradient;

        internal Embedding(long count, long width, long? padding, bool byFrequency, bool sparse, Device? device, ScalarType? dtype) : base(nameof(Embedding))
        {
            (this.padding, this.byFrequency, sparseGradient) = (padding ?? -1, byFrequency, sparse);
            using var _ = no_grad();
            Tensor table = randn([count, width], dtype, device);
            if (padding is long row) { using Tensor view = table.select(0, row); view.zero_(); }
            weight = new Parameter(table);
            register_parameter(nameof(weight), weight);
        }

        public Parameter weight { get; set; }

        public override Tensor forward(Tensor input) => Ops.embedding.Call(weight, input, padding, byFrequency, sparseGradient);
    }

    /// <summary>(x - mean) / sqrt(var + eps) over the last dimensions, scaled and shifted.</summary>
    public sealed class LayerNorm : nn.Module<Tensor, Tensor>
    {
        private readonly long[] size;
        private readonly double eps;

        internal LayerNorm(long[] size, double eps, bool affine, bool hasBias, Device? device, ScalarType? dtype) : base(nameof(LayerNorm))
        {
            (this.size, this.eps) = (size, eps);
            if (!affine) return;
            weight = new Parameter(ones(size, dtype, device));
            register_parameter(nameof(weight), weight);
            if (!hasBias) return;
            bias = new Parameter(zeros(size, dtype, device));
            register_parameter(nameof(bias), bias);
        }

        public Parameter? weight { get; set; }
        public Parameter? bias { get; set; }

        public override Tensor forward(Tensor input) => nn.functional.layer_norm(input, size, weight, bias, eps);
    }

    /// <summary>In training, zeroes elements with probability p and scales the rest by 1 / (1 - p).</summary>
    public sealed class Dropout : nn.Module<Tensor, Tensor>
    {
        internal Dropout(double p, bool inplace) : base(nameof(Dropout)) => (this.p, this.inplace) = (p, inplace);

        public double p { get; set; }
        public bool inplace { get; set; }

        public override Tensor forward(Tensor input) => nn.functional.dropout(input, p, training, inplace);
    }

    /// <summary>x sigmoid(x).</summary>
    public sealed class SiLU : nn.Module<Tensor, Tensor>
    {
        internal SiLU() : base(nameof(SiLU)) { }
        public override Tensor forward(Tensor input) => input.silu();
    }

    /// <summary>x Phi(x), Phi the normal distribution function.</summary>
    public sealed class GELU : nn.Module<Tensor, Tensor>
    {
        internal GELU() : base(nameof(GELU)) { }
        public override Tensor forward(Tensor input) => Ops.gelu.Call(input);
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null) => new(inputSize, outputSize, hasBias, device, dtype);

            public static Embedding Embedding(long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null, double norm_type = 2.0, bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null) =>
                max_norm is null
                    ? new(num_embeddings, embedding_dims, padding_idx, scale_grad_by_freq, sparse, device, dtype)
                    : throw new ArgumentException("Embedding: max_norm is not supported");

            public static LayerNorm LayerNorm(long normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null) => new([normalized_shape], eps, elementwise_affine, bias, device, dtype);
            public static LayerNorm LayerNorm(long[] normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null) => new(normalized_shape, eps, elementwise_affine, bias, device, dtype);
            public static Dropout Dropout(double p = 0.5, bool inplace = false) => new(p, inplace);
            public static SiLU SiLU() => new();
            public static GELU GELU() => new();
            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);
        }
    }
}
