using TorchSharp.Interop;
using Kind = TorchSharp.torch.TensorIndex.Kind;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Index expressions, gathers and scatters.</summary>
    public partial class Tensor
    {
        public Tensor this[params TensorIndex[] indices] { get => index(indices); set => Assign(value, indices, false); }
        public Tensor this[params Tensor[] indices] { get => index(indices); set => Ops.index_put_.CallInPlace(this, indices, value); }
        public Tensor this[long i1] { get => index([i1]); set => Assign(value, [i1], false); }
        public Tensor this[long i1, long i2] { get => index([i1, i2]); set => Assign(value, [i1, i2], false); }
        public Tensor this[long i1, long i2, long i3] { get => index([i1, i2, i3]); set => Assign(value, [i1, i2, i3], false); }
        public Tensor this[long i1, long i2, long i3, long i4] { get => index([i1, i2, i3, i4]); set => Assign(value, [i1, i2, i3, i4], false); }
        public Tensor this[long i1, long i2, long i3, long i4, long i5] { get => index([i1, i2, i3, i4, i5]); set => Assign(value, [i1, i2, i3, i4, i5], false); }
        public Tensor this[long i1, long i2, long i3, long i4, long i5, long i6] { get => index([i1, i2, i3, i4, i5, i6]); set => Assign(value, [i1, i2, i3, i4, i5, i6], false); }

        public Tensor index(params Tensor[] indices) => Ops.index.Call(this, indices);

        /// <summary>A view where only numbers, slices, None and the ellipsis index; a copy where tensors do.</summary>
        public Tensor index(params TensorIndex[] indices)
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor view, Tensor?[] picks) = View(indices);
            Tensor result = picks.Length > 0 ? Ops.index.Call(view, picks) : ReferenceEquals(view, this) ? alias() : view;
            return scope.MoveToOuter(result);
        }

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => Assign(value, indices, false);
        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false) => Assign(value, indices, accumulate);

        private Tensor Assign(Tensor value, TensorIndex[] indices, bool accumulate)
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor view, Tensor?[] picks) = View(indices);
            if (picks.Length > 0) Ops.index_put_.CallInPlace(view, picks, value, accumulate);
            else if (accumulate) view.add_(value);
            else view.copy_(value);
            return this;
        }

        /// <summary>Applies what gives views, left to right, and collects the tensors that index the dimensions of the result.</summary>
        private (Tensor view, Tensor?[] picks) View(TensorIndex[] indices)
        {
            Tensor view = this;
            var picks = new List<Tensor?>();
            int dim = 0;
            int consumed = indices.Sum(i => i.Type is Kind.Slice or Kind.Single ? 1 : i.Type == Kind.Tensor ? DimensionsOf(i.Indices!) : 0);
            foreach (TensorIndex i in indices)
            {
                switch (i.Type)
                {
                    case Kind.Single: view = Ops.select.Call(view, dim, i.Start!.Value); break;
                    case Kind.Slice:
                        if (i.Start is not null || i.Stop is not null || i.Step is not null) view = Ops.slice.Call(view, dim, i.Start, i.Stop, i.Step ?? 1);
                        dim++;
                        break;
                    case Kind.Ellipsis: dim += (int)ndim - consumed; break;
                    case Kind.None: view = view.unsqueeze(dim++); break;
                    case Kind.Bool:
                        view = view.unsqueeze(dim);
                        Pick(torch.tensor(new[] { i.Truth }, device: device), 1);
                        break;
                    case Kind.Tensor: Pick(i.Indices!, DimensionsOf(i.Indices!)); break;
                }
            }
            return (view, picks.ToArray());

            void Pick(Tensor by, int dimensions)
            {
                while (picks.Count < dim) picks.Add(null);
                picks.Add(by);
                dim += dimensions;
            }
        }

        private static int DimensionsOf(Tensor index) => index.dtype is ScalarType.Bool ? (int)index.ndim : 1;

        public Tensor index_select(long dim, Tensor index) => Ops.index_select.Call(this, dim, index);
        public Tensor index_copy_(long dim, Tensor index, Tensor source) { Ops.index_copy_.CallInPlace(this, dim, index, source); return this; }
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) { Ops.index_add_.CallInPlace(this, dim, index, source, alpha); return this; }
        public Tensor gather(long dim, Tensor index) => Ops.gather.Call(this, dim, index);
        public Tensor scatter(long dim, Tensor index, Tensor src) => Ops.scatter.Call(this, dim, index, src);
        public Tensor scatter_(long dim, Tensor index, Tensor src) { Ops.scatter_.CallInPlace(this, dim, index, src); return this; }
        public Tensor scatter_(long dim, Tensor index, Scalar value) { Ops.scatter_value_.CallInPlace(this, dim, index, value); return this; }
        public Tensor scatter_add(long dim, Tensor index, Tensor src) => Ops.scatter_add.Call(this, dim, index, src);
        public Tensor masked_fill(Tensor mask, Scalar value) => Ops.masked_fill.Call(this, mask, value);
        public Tensor masked_fill_(Tensor mask, Scalar value) { Ops.masked_fill_.CallInPlace(this, mask, value); return this; }
        public Tensor masked_select(Tensor mask) => Ops.masked_select.Call(this, mask);
    }
}
