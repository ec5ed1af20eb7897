using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A multi-dimensional array of libtorch: one owned reference to its TensorImpl. Released by Dispose, by the dispose scope it was created in,
    /// or at last by the finaliser. In-place methods (name ends in _) return the tensor itself.
    /// </summary>
    public partial class Tensor : IDisposable
    {
        private IntPtr handle;
        internal DisposeScope? Scope;
        internal int Slot;

        internal Tensor(IntPtr owned)
        {
            handle = owned;
            DisposeScopeManager manager = DisposeScopeManager.ThreadSingleton;
            manager.Counts.Created++;
            manager.Current?.Add(this);
        }

        ~Tensor() => Release();

        /// <summary>The native tensor.</summary>
        /// <exception cref="InvalidOperationException">The tensor was disposed.</exception>
        public IntPtr Handle => handle != IntPtr.Zero ? handle : throw new InvalidOperationException("Tensor invalid -- empty handle: it was disposed, or its dispose scope ended.");

        /// <summary>Whether it was disposed.</summary>
        public bool IsInvalid => handle == IntPtr.Zero;

        public void Dispose()
        {
            Scope?.Remove(this);
            Release();
            GC.SuppressFinalize(this);
        }

        private void Release()
        {
            IntPtr last = Interlocked.Exchange(ref handle, IntPtr.Zero);
            if (last == IntPtr.Zero) return;
            DisposeScopeManager.ThreadSingleton.Counts.Disposed++;
            Native.lab_free(last);
        }

        /// <summary>Gives the native reference away; this object is then disposed.</summary>
        internal IntPtr MoveHandle()
        {
            IntPtr owned = Handle;
            handle = IntPtr.Zero;
            DisposeScopeManager.ThreadSingleton.Counts.Disposed++;
            Dispose();
            return owned;
        }

        /// <summary>A second object over the same native tensor, which any later in-place change reaches too.</summary>
        internal Tensor Alias() => new(Native.lab_retain(Handle));

        internal unsafe Meta Meta
        {
            get
            {
                Meta meta;
                Native.lab_meta(Handle, &meta);
                return meta;
            }
        }

        /// <summary>Sizes of the dimensions.</summary>
        public unsafe long[] shape
        {
            get
            {
                Meta m = Meta;
                long[] sizes = new ReadOnlySpan<long>(m.Sizes, m.Ndim).ToArray();
                GC.KeepAlive(this);
                return sizes;
            }
        }

        /// <summary>Distance, in elements, between neighbours along each dimension.</summary>
        public unsafe long[] stride()
        {
            Meta m = Meta;
            long[] strides = new ReadOnlySpan<long>(m.Strides, m.Ndim).ToArray();
            GC.KeepAlive(this);
            return strides;
        }

        public unsafe long size(int dim)
        {
            Meta m = Meta;
            int d = dim < 0 ? dim + m.Ndim : dim;
            if ((uint)d >= (uint)m.Ndim) throw new ExternalException($"Dimension out of range (expected to be in range of [{-m.Ndim}, {m.Ndim - 1}], but got {dim})");
            long size = m.Sizes[d];
            GC.KeepAlive(this);
            return size;
        }

        public long ndim => Meta.Ndim;
        public long dim() => Meta.Ndim;
        public ScalarType dtype => (ScalarType)Meta.Dtype;
        public Device device { get { Meta m = Meta; return new Device((DeviceType)m.DeviceType, m.DeviceIndex); } }
        public DeviceType device_type => (DeviceType)Meta.DeviceType;
        public bool is_cuda => device_type == DeviceType.CUDA;
        internal bool is_cpu() => device_type == DeviceType.CPU;
        public long NumberOfElements => Meta.Numel;
        public long numel() => Meta.Numel;
        public long ElementSize => SizeOf(dtype);
        public long element_size() => SizeOf(dtype);
        public bool is_contiguous() => Meta.Contiguous != 0;
        internal bool is_floating_point() => dtype is ScalarType.Float32 or ScalarType.Float64 or ScalarType.Float16 or ScalarType.BFloat16;

        /// <summary>Moves the tensor from its dispose scope to the scope around that one.</summary>
        public Tensor MoveToOuterDisposeScope()
        {
            Scope?.PassOut(this);
            return this;
        }

        /// <summary>Takes the tensor out of all dispose scopes: from now on its owner disposes it.</summary>
        public Tensor DetachFromDisposeScope()
        {
            Scope?.Remove(this);
            return this;
        }

        /// <summary>Puts the tensor under another dispose scope.</summary>
        public Tensor MoveToOtherDisposeScope(DisposeScope scope) => scope.Attach(this);
    }
}
