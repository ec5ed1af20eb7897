using System.Collections;
using TorchSharp.Interop;

namespace TorchSharp.Utils;

/// <summary>The elements of a CPU tensor in index order, whatever its strides. Keeps the tensor's object alive.</summary>
public sealed class TensorAccessor<T> : IEnumerable<T> where T : unmanaged
{
    private readonly torch.Tensor tensor;

    internal TensorAccessor(torch.Tensor tensor) => this.tensor = tensor;

    public long Count => tensor.NumberOfElements;

    public T[] ToArray()
    {
        var array = new T[Count];
        CopyTo(array.AsSpan());
        return array;
    }

    public T[] ToArray(long from_index, long? count = null)
    {
        var array = new T[count ?? Count - from_index];
        CopyTo(array.AsSpan(), 0, from_index);
        return array;
    }

    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

    public unsafe void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        Meta m = tensor.Meta;
        int n = (int)Math.Min(array.Length - arrayIndex, m.Numel - tensorIndex);
        var target = array.Slice(arrayIndex, n);
        if (m.Contiguous != 0) new ReadOnlySpan<T>((T*)m.Data + tensorIndex, n).CopyTo(target);
        else for (int i = 0; i < n; i++) target[i] = *Address(m, tensorIndex + i);
        GC.KeepAlive(tensor);
    }

    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom((ReadOnlySpan<T>)array, arrayIndex, tensorIndex);

    public unsafe void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        Meta m = tensor.Meta;
        int n = (int)Math.Min(array.Length - arrayIndex, m.Numel - tensorIndex);
        var source = array.Slice(arrayIndex, n);
        if (m.Contiguous != 0) source.CopyTo(new Span<T>((T*)m.Data + tensorIndex, n));
        else for (int i = 0; i < n; i++) *Address(m, tensorIndex + i) = source[i];
        GC.KeepAlive(tensor);
    }

    public unsafe T this[params long[] indices]
    {
        get => *At(indices);
        set => *At(indices) = value;
    }

    private unsafe T* At(long[] indices)
    {
        Meta m = tensor.Meta;
        if (indices.Length == 1 && m.Ndim != 1)
            return (ulong)indices[0] < (ulong)m.Numel ? Address(m, indices[0]) : throw new IndexOutOfRangeException($"element {indices[0]} of {m.Numel}");
        if (indices.Length != m.Ndim) throw new ArgumentException($"{indices.Length} indices for a tensor of {m.Ndim} dimensions");
        long offset = 0;
        for (int d = 0; d < indices.Length; d++)
        {
            if ((ulong)indices[d] >= (ulong)m.Sizes[d]) throw new IndexOutOfRangeException($"index {indices[d]} in dimension {d} of size {m.Sizes[d]}");
            offset += indices[d] * m.Strides[d];
        }
        return (T*)m.Data + offset;
    }

    private static unsafe T* Address(in Meta m, long index)
    {
        long offset = 0;
        for (int d = m.Ndim - 1; d >= 0; d--)
        {
            (index, long i) = Math.DivRem(index, m.Sizes[d]);
            offset += i * m.Strides[d];
        }
        return (T*)m.Data + offset;
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)ToArray()).GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
