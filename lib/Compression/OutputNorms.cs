using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Compression;

/// <summary>How long values are behind the output projection: what an entry can add to the residual stream. Cost: n d hidden per query head.</summary>
internal static class OutputNorms
{
    private const int BlockRows = 1024;

    /// <summary>The length of some values behind each query head's part of the output projection, <c>[queryHead, position]</c>.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="first">The first position.</param>
    /// <param name="count">How many.</param>
    /// <param name="euclidean">Whether by the L2 norm, else by the L1 norm.</param>
    /// <exception cref="LabException">The tensors came without the output projection.</exception>
    internal static Tensor Of(in LayerView layer, int first, int count, bool euclidean)
    {
        var output = (layer.Output ?? throw new LabException("the method weighs values behind the output projection, "
            + "and these tensors come without it: run it on a model (`lab eval`, `lab generate`)"))();
        var (kvHeads, queryHeads) = (layer.Keys.shape[0], output.shape[0]);
        var norms = zeros(queryHeads, count);
        for (var h = 0; h < queryHeads; h++)
            for (var row = 0; row < count; row += BlockRows)
            {
                using var step = NewDisposeScope();
                var rows = Math.Min(BlockRows, count - row);
                var outputs = layer.Values[h / (queryHeads / kvHeads)].narrow(0, first + row, rows).mm(output[h]);
                norms[h].narrow(0, row, rows).copy_(euclidean ? outputs.square().sum(1).sqrt() : outputs.abs().sum(1));
            }
        return norms;
    }
}
