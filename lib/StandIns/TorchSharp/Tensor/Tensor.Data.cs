using System.Runtime.InteropServices;
using TorchSharp.Interop;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Elements in and out.</summary>
    public partial class Tensor
    {
        /// <summary>Access to the elements; <typeparamref name="T"/> must be the tensor's own element type.</summary>
        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            RequireType<T>();
            return new TensorAccessor<T>(is_cpu() ? this : cpu());
        }

        /// <summary>The value of a one-element tensor; <typeparamref name="T"/> must be its own element type.</summary>
        public unsafe T item<T>() where T : unmanaged
        {
            RequireType<T>();
            Meta m = Meta;
            if (m.Numel != 1) throw new InvalidOperationException("Number of elements in the tensor must be 1.");
            if (m.DeviceType != (int)DeviceType.CPU)
            {
                using Tensor here = cpu();
                return here.item<T>();
            }
            T value = *(T*)m.Data;
            GC.KeepAlive(this);
            return value;
        }

        public float ToSingle() => (float)ToDouble();
        public int ToInt32() => (int)ToInt64();

        public double ToDouble()
        {
            if (dtype == ScalarType.Float64) return item<double>();
            using Tensor converted = Detached(ScalarType.Float64);
            return converted.item<double>();
        }

        public long ToInt64()
        {
            if (dtype == ScalarType.Int64) return item<long>();
            using Tensor converted = Detached(ScalarType.Int64);
            return converted.item<long>();
        }

        private Tensor Detached(ScalarType type)
        {
            using var _ = no_grad();
            return to(type);
        }

        /// <summary>The elements' memory.</summary>
        /// <exception cref="InvalidOperationException">The tensor is not contiguous, not on the CPU, or longer than int.MaxValue bytes. (The package throws NotImplementedException and ArgumentException for the first and the last.)</exception>
        public unsafe Span<byte> bytes
        {
            get
            {
                Meta m = Meta;
                if (m.Contiguous == 0) throw new InvalidOperationException("the bytes of a non-contiguous tensor are not in the order of its elements: call contiguous() first");
                if (m.DeviceType != (int)DeviceType.CPU) throw new InvalidOperationException("the bytes of a tensor outside the CPU's memory cannot be read: call cpu() first");
                long length = m.Numel * SizeOf((ScalarType)m.Dtype);
                return length <= int.MaxValue ? new Span<byte>(m.Data, (int)length) : throw new InvalidOperationException($"a span holds at most {int.MaxValue} bytes, the tensor has {length}: take its bytes piece by piece, narrow(0, ...) at a time");
            }
            set
            {
                Span<byte> target = bytes;
                if (value.Length != target.Length) throw new ArgumentException($"{value.Length} bytes given, the tensor has {target.Length}");
                value.CopyTo(target);
            }
        }

        /// <summary>Fills the tensor with raw bytes, in its own element type and order.</summary>
        /// <exception cref="EndOfStreamException">The stream ends before the tensor is full.</exception>
        public unsafe void ReadBytesFromStream(Stream stream, int bufferSize = 1024)
        {
            if (!is_contiguous() || !is_cpu())
            {
                using var _ = no_grad();
                using Tensor staging = torch.empty(shape, dtype);
                staging.ReadBytesFromStream(stream, bufferSize);
                copy_(staging);
                return;
            }
            Meta m = Meta;
            long length = m.Numel * ElementSize;
            for (long done = 0; done < length;)
            {
                var part = new Span<byte>((byte*)m.Data + done, (int)Math.Min(length - done, 1 << 30));
                stream.ReadExactly(part);
                done += part.Length;
            }
            GC.KeepAlive(this);
        }

        /// <summary>Writes the elements as raw bytes.</summary>
        public unsafe void WriteBytesToStream(Stream stream, int bufferSize = 1024)
        {
            if (!is_contiguous() || !is_cpu())
            {
                using DisposeScope scope = NewDisposeScope();
                cpu().contiguous().WriteBytesToStream(stream, bufferSize);
                return;
            }
            Meta m = Meta;
            long length = m.Numel * ElementSize;
            for (long done = 0; done < length; done += 1 << 30)
                stream.Write(new ReadOnlySpan<byte>((byte*)m.Data + done, (int)Math.Min(length - done, 1 << 30)));
            GC.KeepAlive(this);
        }

        private void RequireType<T>() where T : unmanaged
        {
            if (TypeOf<T>() != dtype) throw new ArgumentException($"{typeof(T).Name} is not compatible with {dtype}");
        }
    }
}
