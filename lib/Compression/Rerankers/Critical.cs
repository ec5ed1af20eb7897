using System.Buffers;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Rerankers;

/// <summary>
/// CriticalKV, on top of any scorer: half of what a head keeps is chosen by score, the other half by what an entry can change in the output of attention.
/// The best floor(safe m) of a head that keeps m candidates stay; the others are ordered by (score + 1e-4) times the mean over the group of |v W_O| in the L1 norm, W_O the query
/// head's part of the output projection.
/// Paper: Identify Critical KV Cache (arXiv 2502.03805); kvpress' <c>criticalkv_press</c>, which counts the window among m. Under Ada-KV heads get their m from the scorer's own scores,
/// as there; then each head chooses inside its m, where kvpress has heads compete a second time. Cost: n d hidden per query head.
/// </summary>
/// <param name="Safe">Share of a head's candidates that are chosen by score alone, 0 to 1.</param>
public sealed record Critical(double Safe = 0.5) : IReranker
{
    private const float Epsilon = 1e-4f;

    /// <summary>Share chosen by score alone.</summary>
    public double Safe { get; } = Safe is >= 0 and <= 1 ? Safe
        : throw new LabException(FormattableString.Invariant($"CriticalKV's safe share {Safe}: give a share from 0 to 1; 0.5 is the paper's"));

    /// <inheritdoc/>
    public void Rerank(in LayerView layer, HeadRows<float> scores, ReadOnlySpan<int> entries)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var rented = ArrayPool<float>.Shared.Rent(scores.Heads * layer.Length);
        var safe = ArrayPool<int>.Shared.Rent(scores.Length);
        try
        {
            var norms = new HeadRows<float>(rented, scores.Heads, layer.Length);
            WindowAttention.Reduce(layer, OutputNorms.Of(layer, 0, layer.Length, euclidean: false), GroupReduction.Mean, norms);
            for (var h = 0; h < scores.Heads; h++)
            {
                var row = scores[h];
                var stay = Selection.Best(row, (int)(entries[h] * Safe), safe);
                for (var j = 0; j < row.Length; j++) row[j] = (row[j] + Epsilon) * norms[h][j];
                foreach (var j in safe.AsSpan(0, stay)) row[j] = float.PositiveInfinity;
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
            ArrayPool<int>.Shared.Return(safe);
        }
    }
}
