using TorchSharp.Interop;
using TorchSharp.Modules;

namespace TorchSharp;

/// <summary>How <c>pad</c> fills.</summary>
public enum PaddingModes { Zeros = 0, Reflect = 1, Replicate = 2, Circular = 3, Constant = 4 }

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>How a loss over elements becomes its result.</summary>
        public enum Reduction : long { None = 0, Mean = 1, Sum = 2 }

        /// <summary>Stateless layers and losses.</summary>
        public static class functional
        {
            /// <summary>
            /// softmax(q k^T / sqrt(d) + mask) v. The causal mask is aligned top-left: give a mask when there are fewer queries than keys.
            /// attn_mask: true = may attend, or a float tensor that is added.
            /// </summary>
            public static Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0.0, bool is_casual = false)
            {
                if (is_casual && attn_mask is not null) throw new ArgumentException("give attn_mask or is_casual, not both");
                if (Ops.scaled_dot_product_attention.Exists) return Ops.scaled_dot_product_attention.Call(query, key, value, attn_mask, p, is_casual);
                using DisposeScope scope = NewDisposeScope();
                if (is_casual) attn_mask = ones([query.size(-2), key.size(-2)], ScalarType.Bool, query.device).tril();
                var rows = new List<Tensor>();
                for (long start = 0; start < query.size(-2); start += AttentionRows)   // never a queries x keys matrix: at 8192 tokens that is 7 GB
                {
                    long count = Math.Min(AttentionRows, query.size(-2) - start);
                    Tensor? mask = attn_mask is null || attn_mask.size(-2) == 1 ? attn_mask : attn_mask.narrow(-2, start, count);
                    rows.Add(Attend(query.narrow(-2, start, count), key, value, mask, p));
                }
                return scope.MoveToOuter(rows.Count == 1 ? rows[0] : cat(rows, -2));
            }

            private const long AttentionRows = 256;

            private static Tensor Attend(Tensor query, Tensor key, Tensor value, Tensor? mask, double p)
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor scores = query.mul(1 / Math.Sqrt(query.size(-1))).matmul(key.transpose(-2, -1));
                if (mask is not null) scores = mask.dtype == ScalarType.Bool ? scores.masked_fill(mask.logical_not(), double.NegativeInfinity) : scores.add(mask);
                return scope.MoveToOuter(dropout(scores.softmax(-1), p, p > 0).matmul(value));
            }

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);
            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);
            public static Tensor silu(Tensor x, bool inplace = false) => InPlace(x, inplace, Ops.silu, Ops.silu_);
            public static Tensor relu(Tensor x, bool inplace = false) => InPlace(x, inplace, Ops.relu, Ops.relu_);
            public static Tensor gelu(Tensor x) => Ops.gelu.Call(x);

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false)
            {
                if (!inplace) return Ops.dropout.Call(input, p, training);
                Ops.dropout_.CallInPlace(input, p, training);
                return input;
            }

            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => Ops.linear.Call(input, weights, bias);
            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05) => Ops.layer_norm.Call(input, normalized_shape, weight, bias, eps);
            public static Tensor one_hot(Tensor x, long num_classes = -1) => Ops.one_hot.Call(x, num_classes);

            public static Tensor normalize(Tensor input, double p = 2.0, long dim = 1, double eps = 1e-12)
            {
                using DisposeScope scope = NewDisposeScope();
                return scope.MoveToOuter(input.div(Ops.linalg_vector_norm.Call(input, p, dim, true).clamp(eps)));
            }

            public static Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean, double label_smoothing = 0) =>
                Ops.cross_entropy_loss.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);

            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => Ops.mse_loss.Call(input, target, (long)reduction);

            /// <summary>Kullback-Leibler divergence; input holds log-probabilities, and so does target unless <paramref name="log_target"/> is false (PyTorch: false by default).</summary>
            public static Tensor kl_div(Tensor input, Tensor target, bool log_target = true, Reduction reduction = Reduction.Mean) => Ops.kl_div.Call(input, target, (long)reduction, log_target);

            public static Tensor cosine_similarity(Tensor x1, Tensor x2, long dim = 1, double eps = 1e-8) => Ops.cosine_similarity.Call(x1, x2, dim, eps);

            public static Tensor max_pool1d(Tensor input, long kernel_size, long? stride = null, long? padding = null, long? dilation = null, bool ceil_mode = false) =>
                Ops.max_pool1d.Call(input, kernel_size, stride ?? kernel_size, padding ?? 0, dilation ?? 1, ceil_mode);

            public static Tensor avg_pool1d(Tensor input, long kernel_size, long? stride = null, long? padding = null, bool ceil_mode = false, bool count_include_pad = true) =>
                Ops.avg_pool1d.Call(input, kernel_size, stride ?? kernel_size, padding ?? 0, ceil_mode, count_include_pad);

            public static Tensor conv1d(Tensor input, Tensor weight, Tensor? bias = null, long? stride = null, long? padding = null, long? dilation = null, long groups = 1) =>
                Ops.conv1d.Call(input, weight, bias, stride ?? 1, padding ?? 0, dilation ?? 1, groups);

            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => mode is PaddingModes.Constant or PaddingModes.Zeros
                ? Ops.constant_pad_nd.Call(input, pad, mode == PaddingModes.Zeros ? 0 : value)
                : Ops.pad.Call(input, pad, mode.ToString().ToLowerInvariant());

            public static Tensor pad(Tensor input, (long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => functional.pad(input, [pad.Item1, pad.Item2], mode, value);

            public static Tensor pad(Tensor input, (long, long, long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => functional.pad(input, [pad.Item1, pad.Item2, pad.Item3, pad.Item4], mode, value);

            private static Tensor InPlace(Tensor x, bool inplace, Op fresh, Op overwriting)
            {
                if (!inplace) return fresh.Call(x);
                overwriting.CallInPlace(x);
                return x;
            }
        }

        public static partial class utils
        {
            /// <summary>Scales all gradients together so that their common norm is at most <paramref name="max_norm"/>.</summary>
            /// <returns>The norm before scaling.</returns>
            public static double clip_grad_norm_(IEnumerable<Parameter> tensors, double max_norm, double norm_type = 2.0)
            {
                using DisposeScope scope = NewDisposeScope();
                using var _ = no_grad();
                Tensor[] gradients = [.. tensors.Select(p => p.grad).OfType<Tensor>()];
                if (gradients.Length == 0) return 0;
                Tensor total = Ops.linalg_vector_norm.Call(stack(gradients.Select(g => Ops.linalg_vector_norm.Call(g, norm_type))), norm_type);
                double norm = total.ToDouble();
                double scale = max_norm / (norm + 1e-6);
                if (scale < 1) Ops._foreach_mul_.CallInPlace(gradients, scale);
                return norm;
            }
        }
    }
}
