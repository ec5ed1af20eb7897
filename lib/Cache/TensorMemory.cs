using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <summary>The memory behind a tensor, for kernels that read it directly.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>Address of the first number of a contiguous CPU tensor of any size; it stays put while the tensor lives.</summary>
    internal static nint Address(Tensor tensor)
    {
        if (tensor.NumberOfElements * tensor.ElementSize <= int.MaxValue) return Start(tensor);
        using var scope = NewDisposeScope();
        return Start(tensor.view(-1).narrow(0, 0, 1)); // TorchSharp shows at most 2 GiB at once
    }

    private static nint Start(Tensor tensor) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
}
