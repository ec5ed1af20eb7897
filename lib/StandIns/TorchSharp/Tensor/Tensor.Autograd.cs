using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Gradients.</summary>
    public partial class Tensor
    {
        /// <summary>Whether operations on the tensor are recorded for <see cref="backward()"/>.</summary>
        public bool requires_grad
        {
            get => Meta.RequiresGrad != 0;
            set => Native.Check(Native.lab_set_requires_grad(Handle, value ? 1 : 0));
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        /// <summary>The gradient accumulated by backward, or null; each read gives a new object over the same native tensor.</summary>
        public Tensor? grad
        {
            get
            {
                IntPtr found = Native.lab_grad(Handle);
                GC.KeepAlive(this);
                return found == IntPtr.Zero ? null : new Tensor(found);
            }
            set
            {
                Native.Check(Native.lab_set_grad(Handle, value?.Handle ?? IntPtr.Zero));
                GC.KeepAlive(value);
            }
        }

        /// <summary>Adds the derivatives of this one-element tensor to the <see cref="grad"/> of every leaf it depends on.</summary>
        public void backward() => backward(null);

        public unsafe void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null)
        {
            IntPtr root = Handle;
            IntPtr[] gradients = grad_tensors is null ? [IntPtr.Zero] : [.. grad_tensors.Select(t => t.Handle)];
            IntPtr[] leaves = inputs is null ? [] : [.. inputs.Select(t => t.Handle)];
            fixed (IntPtr* g = gradients, l = leaves)
                Native.Check(Native.lab_backward(&root, 1, g, grad_tensors is null ? 0 : gradients.Length, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, l, leaves.Length));
            GC.KeepAlive(this);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }
    }
}
