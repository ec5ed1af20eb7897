namespace TorchSharp.Interop;

/// <summary>Concatenation past the generic call: the tensors' handles lie side by side as libtorch wants to see them, and nothing is boxed.</summary>
internal static unsafe class Joining
{
    private const int OnStack = 128;

    internal static torch.Tensor Cat(ReadOnlySpan<torch.Tensor> tensors, long dim)
    {
        IntPtr* few = stackalloc IntPtr[tensors.Length <= OnStack ? tensors.Length : 0];
        IntPtr* handles = tensors.Length <= OnStack ? few : (IntPtr*)Scratch.Take(tensors.Length * sizeof(IntPtr));
        for (int i = 0; i < tensors.Length; i++) handles[i] = tensors[i].Handle;
        IntPtr joined = Native.lab_cat(handles, tensors.Length, dim);
        foreach (torch.Tensor tensor in tensors) GC.KeepAlive(tensor);   // a finalizer may run during the native call
        return new torch.Tensor(Native.Check(joined));
    }
}
