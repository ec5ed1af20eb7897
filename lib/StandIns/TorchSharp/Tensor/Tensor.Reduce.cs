using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Products, reductions and orderings.</summary>
    public partial class Tensor
    {
        /// <exception cref="System.Runtime.InteropServices.ExternalException">The shapes do not fit (the package aborts the process here: check first).</exception>
        public Tensor matmul(Tensor target) => Ops.matmul.Call(this, target);
        public Tensor mm(Tensor target) => Ops.mm.Call(this, target);
        public Tensor bmm(Tensor batch2) => Ops.bmm.Call(this, batch2);
        public Tensor outer(Tensor vec2) => Ops.outer.Call(this, vec2);

        public Tensor softmax(long dim, ScalarType? dtype = null) => Ops.softmax.Call(this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Ops.log_softmax.Call(this, dim, dtype);
        public Tensor logsumexp(long dim, bool keepdim = false) => Ops.logsumexp.Call(this, dim, keepdim);
        public Tensor cumsum(long dim, ScalarType? type = null) => Ops.cumsum.Call(this, dim, type);

        public Tensor sum(ScalarType? type = null) => Ops.sum.Call(this, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => Ops.sum_dim.Call(this, dim, keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => Ops.sum_dim.Call(this, dim, keepdim, type);
        public Tensor mean() => Ops.mean.Call(this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => Ops.mean_dim.Call(this, dimensions, keepdim, type);
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => Cast(Ops.std_dim.Call(this, dim, unbiased, keepdim), type);
        public Tensor std(long[] dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => Cast(Ops.std_dim.Call(this, dim, unbiased, keepdim), type);
        public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => Cast(Ops.var_dim.Call(this, dim, unbiased, keepdim), type);
        public Tensor var(long[] dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => Cast(Ops.var_dim.Call(this, dim, unbiased, keepdim), type);
        public Tensor amax(long[] dims, bool keepdim = false) => Ops.amax.Call(this, dims, keepdim);
        public Tensor amin(long[] dims, bool keepdim = false) => Ops.amin.Call(this, dims, keepdim);
        public Tensor max() => Ops.max.Call(this);
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Ops.max_dim.CallPair(this, dim, keepdim);
        public Tensor min() => Ops.min.Call(this);
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Ops.min_dim.CallPair(this, dim, keepdim);
        public Tensor norm(float p = 2) => Ops.norm.Call(this, p);
        public Tensor median() => Ops.median.Call(this);
        public Tensor quantile(Tensor q, long dim = -1, bool keepdim = false) => Ops.quantile.Call(this, q, dim, keepdim);
        public Tensor any() => Ops.any.Call(this);
        public Tensor any(long dim, bool keepdim = false) => Ops.any_dim.Call(this, dim, keepdim);
        public Tensor all() => Ops.all.Call(this);
        public Tensor all(long dim, bool keepdim = false) => Ops.all_dim.Call(this, dim, keepdim);

        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) => Ops.topk.CallPair(this, k, dim, largest, sorted);
        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) => Ops.sort_stable.CallPair(this, stable, dim, descending);
        public Tensor argsort(long dim = -1, bool descending = false) => Ops.argsort.Call(this, dim, descending);
        public Tensor argmax() => Ops.argmax.Call(this);
        public Tensor argmax(long dim, bool keepdim = false) => Ops.argmax.Call(this, dim, keepdim);
        public (Tensor values, Tensor indices) kthvalue(long k, long? dim, bool keepdim = false) => Ops.kthvalue.CallPair(this, k, dim ?? -1, keepdim);
        public Tensor nonzero() => Ops.nonzero.Call(this);
        public Tensor bincount(Tensor? weights = null, long minlength = 0) => Ops.bincount.Call(this, weights, minlength);
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) => Ops.multinomial.Call(this, num_samples, replacement, generator);

        public (Tensor output, Tensor? inverse_indices, Tensor? counts) unique(bool sorted = true, bool return_inverse = false, bool return_counts = false, int? dim = null)
        {
            Tensor[] results = dim is int d
                ? Ops.unique_dim.CallMany(3, this, d, sorted, return_inverse, return_counts)
                : Ops._unique2.CallMany(3, this, sorted, return_inverse, return_counts);
            return (results[0], Wanted(results[1], return_inverse), Wanted(results[2], return_counts));
        }

        private static Tensor? Wanted(Tensor tensor, bool wanted)
        {
            if (wanted) return tensor;
            tensor.Dispose();
            return null;
        }

        private static Tensor Cast(Tensor tensor, ScalarType? type) => type is ScalarType t ? tensor.to(t, disposeAfter: t != tensor.dtype) : tensor;
    }
}
