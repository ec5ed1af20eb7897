using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>The memory under a tensor.</summary>
    public abstract class Storage
    {
        private protected readonly Tensor Tensor;

        private protected Storage(Tensor tensor) => Tensor = tensor;

        /// <summary>Address of the tensor's first element; it holds while the tensor lives.</summary>
        public unsafe IntPtr data_ptr() => (IntPtr)Tensor.Meta.Data;
    }

    /// <summary>The memory under a tensor of <typeparamref name="T"/>.</summary>
    public sealed class Storage<T> : Storage where T : unmanaged
    {
        internal Storage(Tensor tensor) : base(tensor) { }
    }

    public partial class Tensor
    {
        public Storage<T> storage<T>() where T : unmanaged
        {
            RequireType<T>();
            return new Storage<T>(this);
        }
    }
}
