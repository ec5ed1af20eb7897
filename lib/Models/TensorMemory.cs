using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>The memory behind a tensor, for kernels that read it directly.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>Address of the first number of a contiguous CPU tensor; it stays put while the tensor lives.</summary>
    internal static nint Address(Tensor tensor) => (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
}
