using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Views, copies with another shape, joins and parts.</summary>
    public partial class Tensor
    {
        public Tensor view(params long[] shape) => Ops.view.Call(this, shape);
        public Tensor reshape(params long[] shape) => Ops.reshape.Call(this, shape);
        public Tensor permute(params long[] permutation) => Ops.permute.Call(this, permutation);
        public Tensor transpose(long dim0, long dim1) => Ops.transpose.Call(this, dim0, dim1);
        public Tensor t() => Ops.t.Call(this);
        public Tensor contiguous() => Ops.contiguous.Call(this);
        public Tensor squeeze(long? dim = null) => dim is long d ? Ops.squeeze_dim.Call(this, d) : Ops.squeeze.Call(this);
        public Tensor unsqueeze(long dim) => Ops.unsqueeze.Call(this, dim);
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Ops.flatten.Call(this, start_dim, end_dim);
        public Tensor expand(params long[] sizes) => Ops.expand.Call(this, sizes);
        public Tensor repeat(params long[] sizes) => Ops.repeat.Call(this, sizes);
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) => Ops.repeat_interleave.Call(this, repeats, dim, output_size);
        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) => Ops.repeat_interleave_tensor.Call(this, repeats, dim, output_size);
        public Tensor narrow(long dim, long start, long length) => Ops.narrow.Call(this, dim, start, length);
        public Tensor slice(long dim, long start, long finish, long step) => Ops.slice.Call(this, dim, start, finish, step);
        public Tensor select(long dim, long index) => Ops.select.Call(this, dim, index);
        public Tensor tril(long diagonal = 0) => Ops.tril.Call(this, diagonal);
        public Tensor triu(long diagonal = 0) => Ops.triu.Call(this, diagonal);

        public Tensor[] split(long size, int dim = 0) => Ops.split.CallMany((this.size(dim) + size - 1) / Math.Max(1, size) + 1, this, size, dim);
        public Tensor[] split(long[] sizes, long dim = 0) => Ops.split_with_sizes.CallMany(sizes.Length, this, sizes, dim);
        public Tensor[] chunk(long chunks, long dim = 0) => Ops.chunk.CallMany(chunks, this, chunks, dim);
        public Tensor[] unbind(long dim = 0) => Ops.unbind.CallMany(size((int)dim), this, dim);

        public Tensor clone() => Ops.clone.Call(this);
        public Tensor detach() => Ops.detach.Call(this);
        public Tensor alias() => Ops.alias.Call(this);
        public Tensor fill_(Scalar value) { Ops.fill_.CallInPlace(this, value); return this; }
        public Tensor zero_() { Ops.zero_.CallInPlace(this); return this; }
        public Tensor copy_(Tensor source, bool nonBlocking = false) { Ops.copy_.CallInPlace(this, source, nonBlocking); return this; }
        internal Tensor uniform_(double from, double to, Generator? generator = null) { Ops.uniform_.CallInPlace(this, from, to, generator); return this; }

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => Convert(type, null, copy, disposeAfter, non_blocking);
        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => Convert(null, device, copy, disposeAfter, non_blocking);
        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => Convert(null, new Device(device), copy, disposeAfter, non_blocking);
        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => Convert(type, device, copy, disposeAfter, non_blocking);
        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => Convert(null, new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);
        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => Convert(type, null, copy, disposeAfter, non_blocking);
        public Tensor cpu() => Convert(null, CPU, false, false, false);
        public Tensor cuda(Device? device = null, bool non_blocking = false) => Convert(null, device ?? CUDA, false, false, non_blocking);
        public Tensor pin_memory() => Ops.pin_memory.Call(this);

        private Tensor Convert(ScalarType? type, Device? device, bool copy, bool disposeAfter, bool nonBlocking)
        {
            bool same = (type is null || type == dtype) && (device is null || device == this.device);
            if (same && !copy) return this;   // as the package: no new object when there is nothing to do
            Tensor result = Ops.to.Call(this, type, Arg.None, RequireDevice(device), Arg.None, nonBlocking, copy);
            if (disposeAfter) Dispose();
            return result;
        }
    }
}
