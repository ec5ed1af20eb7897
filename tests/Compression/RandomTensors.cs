using HeadKvLab.Cache;
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

    /// <summary>A layer with what a model hands over of itself: rotary frequencies, and an output projection of random numbers.</summary>
    public static LayerView OfModel(this LayerView layer)
    {
        var (queryHeads, dim) = ((int)layer.Queries.shape[0], (int)layer.Keys.shape[2]);
        return layer with
        {
            Frequencies = Enumerable.Range(0, dim / 2).Select(i => MathF.Pow(100, -2f * i / dim)).ToArray(),
            Output = () => Make(queryHeads, dim, 24, 77 + layer.Layer),
            Replayed = _ => Make(queryHeads, layer.Length, 1, 88 + layer.Layer).squeeze(2),
        };
    }
}
