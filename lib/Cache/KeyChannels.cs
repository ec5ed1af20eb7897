using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <summary>
/// Which channels the sealed keys of a head lack. A channel's score is mean q² times mean k², over the prompt's last queries of all query heads that read the head, and over the
/// head's stored keys: the squared norm of what the channel adds to all their products. The int(dim ratio) lowest go; of equals the earlier.
/// Paper: ThinK, arXiv 2407.21018; kvpress' think_press writes zeros in their place and saves nothing, here they are not stored. Values keep all channels, and so do the latest
/// entries. The choice is made once, at the end of the prompt, and is a list of 16-bit numbers beside the head's blocks. Cost: one pass over the keys.
/// </summary>
internal static class KeyChannels
{
    /// <summary>Last queries of the prompt that are looked at.</summary>
    internal const int Queries = 32;

    /// <summary>Channels that go.</summary>
    /// <param name="ratio">Their share.</param>
    /// <param name="dim">All channels.</param>
    internal static int Dropped(double ratio, int dim) => (int)(dim * ratio);

    /// <summary>Mean squares of a prompt's last queries, over the query heads that read each head too, <c>[kvHead * dim]</c>.</summary>
    /// <param name="queries">Queries, <c>[queryHead, query, dim]</c>, float32.</param>
    /// <param name="heads">Heads that own entries.</param>
    internal static double[] Squares(Tensor queries, int heads)
    {
        using var scope = NewDisposeScope();
        var (seen, dim, group) = ((int)Math.Min(Queries, queries.shape[1]), (int)queries.shape[2], (int)queries.shape[0] / heads);
        var numbers = MemoryMarshal.Cast<byte, float>(queries.narrow(1, queries.shape[1] - seen, seen).contiguous().bytes);
        var squares = new double[heads * dim];
        for (var i = 0; i < numbers.Length; i++) squares[i / (group * seen * dim) * dim + i % dim] += (double)numbers[i] * numbers[i] / (group * seen);
        return squares;
    }

    /// <summary>The channels that stay, ascending.</summary>
    /// <param name="queries">Mean square of the queries, <c>[channel]</c>.</param>
    /// <param name="keys">Mean square of the keys, or their sum, <c>[channel]</c>.</param>
    /// <param name="dropped">How many go.</param>
    /// <returns>Null where a square is infinite or none.</returns>
    internal static ushort[]? Keep(ReadOnlySpan<double> queries, ReadOnlySpan<double> keys, int dropped)
    {
        var scores = new double[queries.Length];
        for (var c = 0; c < scores.Length; c++)
            if (!double.IsFinite(scores[c] = queries[c] * keys[c])) return null;
        return [.. Enumerable.Range(0, scores.Length).OrderBy(c => scores[c]).Skip(dropped).Order().Select(c => (ushort)c)]; // the sort is stable
    }
}
