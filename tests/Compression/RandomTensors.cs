using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Keys, values and queries for tests that need no model.</summary>
internal static class RandomTensors
{
    /// <summary>Numbers from -2 to 2, <c>[head, position, dim]</c>; equal seeds give equal tensors.</summary>
    public static Tensor Make(int heads, int n, int dim, int seed)
    {
        var random = new Random(seed);
        return tensor(Enumerable.Range(0, heads * n * dim).Select(_ => (random.NextSingle() - 0.5f) * 4).ToArray(), heads, n, dim);
    }
}
