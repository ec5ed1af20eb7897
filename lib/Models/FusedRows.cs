using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>What stands between the products of a prompt's layer, by the lab's own kernels (<see cref="RowKernels"/>) where they apply.</summary>
internal static unsafe class FusedRows
{
    /// <summary>The kernels read float32 on the CPU, numbers of a token beside each other, and leave no trace for autograd.</summary>
    internal static bool Suit(Tensor x) =>
        x.device_type == DeviceType.CPU && x.dtype == ScalarType.Float32 && x.numel() > 0 && x.is_contiguous() && !is_grad_enabled();

    /// <summary>RMSNorm over the last dimension.</summary>
    internal static Tensor Normalise(Tensor x, Tensor gains, double epsilon)
    {
        var y = empty(x.shape);
        var columns = x.shape[^1];
        RowKernels.Normalise(Numbers(x), Numbers(gains), (float)epsilon, Numbers(y), x.numel() / columns, (int)columns);
        GC.KeepAlive((x, gains));
        return y;
    }

    /// <summary>Turns heads <c>[1, token, head, dim]</c> where they stand.</summary>
    internal static Tensor Rotate(Tensor heads, Rotation rotation)
    {
        RowKernels.Rotate(Numbers(heads), Numbers(rotation.Cosines), Numbers(rotation.Sines), heads.shape[1], (int)heads.shape[2], (int)heads.shape[3]);
        GC.KeepAlive(rotation);
        return heads;
    }

    /// <summary><c>gate = silu(gate) · up</c>, in gate's place.</summary>
    internal static Tensor SwiGlu(Tensor gate, Tensor up)
    {
        var columns = gate.shape[^1];
        RowKernels.SwiGlu(Numbers(gate), Numbers(up), gate.numel() / columns, (int)columns);
        GC.KeepAlive(up);
        return gate;
    }

    private static float* Numbers(Tensor x) => (float*)TensorMemory.Address(x);
}
