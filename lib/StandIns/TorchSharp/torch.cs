namespace TorchSharp;

/// <summary>Entry point of the library, as in the package.</summary>
public static partial class torch
{
    /// <summary>A multi-dimensional array.</summary>
    public partial class Tensor
    {
        /// <summary>Sizes of the dimensions.</summary>
        public long[] shape => [];
    }
}
