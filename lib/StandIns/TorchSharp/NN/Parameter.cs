namespace TorchSharp.Modules;

/// <summary>A tensor that a module owns and an optimiser changes. Takes over the given tensor, which is then disposed.</summary>
public class Parameter : torch.Tensor
{
    public Parameter(torch.Tensor data, bool requires_grad = true) : base(Take(data)) => this.requires_grad = requires_grad;

    private static IntPtr Take(torch.Tensor data)
    {
        using var _ = torch.no_grad();
        using torch.Tensor leaf = data.detach();
        data.Dispose();
        return leaf.MoveHandle();
    }
}
