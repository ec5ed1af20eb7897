using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Compression;

/// <summary>
/// RazorAttention's compensation token: the mean key and the mean value of the dropped entries, counted as often as they were.
/// out = (N e^(q k^) v^ + sum_kept e^(q k) v) / (N e^(q k^) + sum_kept e^(q k)), that is: ln N is added to its logit.
/// Paper: RazorAttention (arXiv 2407.15891), equation 4. Keys are averaged after RoPE. Exact when the dropped keys are equal.
/// </summary>
public sealed unsafe record CompensationToken : ISettlement
{
    /// <inheritdoc/>
    public Summary[] Summarise(in LayerView layer, ReadOnlySpan<int[]> kept)
    {
        using var scope = NewDisposeScope();
        var (n, dim) = (layer.Length, (int)layer.Keys.shape[2]);
        var (keys, values) = (layer.Keys.contiguous(), layer.Values.contiguous());
        var group = kept.Length / (int)layer.Keys.shape[0];
        var summaries = new Summary[kept.Length];
        for (var h = 0; h < kept.Length; h++)
        {
            var first = (long)(h / group) * n * dim;
            summaries[h] = new(
                MeanOfDropped((float*)TensorMemory.Address(keys) + first, n, kept[h], dim),
                MeanOfDropped((float*)TensorMemory.Address(values) + first, n, kept[h], dim),
                n - kept[h].Length);
        }
        GC.KeepAlive((keys, values));
        return summaries;
    }

    private static float[] MeanOfDropped(float* rows, int n, ReadOnlySpan<int> kept, int dim)
    {
        var sum = new double[dim];
        var next = 0;
        for (var position = 0; position < n; position++)
        {
            if (next < kept.Length && kept[next] == position) next++;
            else
                for (var i = 0; i < dim; i++) sum[i] += rows[(long)position * dim + i];
        }
        var dropped = Math.Max(1, n - kept.Length);
        return Array.ConvertAll(sum, total => (float)(total / dropped));
    }
}
