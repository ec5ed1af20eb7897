using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Settlements;

/// <summary>
/// RazorAttention's compensation token: the mean key and the mean value of the dropped entries, counted as often as they were.
/// out = (N e^(q k^) v^ + sum_kept e^(q k) v) / (N e^(q k^) + sum_kept e^(q k)), that is: ln N is added to its logit.
/// Paper: RazorAttention (arXiv 2407.15891), equation 4. Keys are averaged after RoPE. Exact when the dropped keys are equal.
/// </summary>
public sealed record CompensationToken : ISettlement
{
    /// <inheritdoc/>
    public bool AddsEntry => true;

    /// <inheritdoc/>
    public void Settle(in LayerView layer, HeadRows<float> scores, int window, KeptRows rows)
    {
        for (var h = 0; h < rows.Heads; h++)
        {
            var kept = rows.Positions(h);
            rows.Add(h, new(MeanOfDropped(rows.PromptKeys(h), kept, rows.Dim), MeanOfDropped(rows.PromptValues(h), kept, rows.Dim), layer.Length - kept.Length));
        }
    }

    private static float[] MeanOfDropped(ReadOnlySpan<float> rows, ReadOnlySpan<int> kept, int dim)
    {
        var sum = new double[dim];
        var (n, next) = (rows.Length / dim, 0);
        for (var position = 0; position < n; position++)
        {
            if (next < kept.Length && kept[next] == position) next++;
            else
                for (var i = 0; i < dim; i++) sum[i] += rows[position * dim + i];
        }
        var dropped = Math.Max(1, n - kept.Length);
        return Array.ConvertAll(sum, total => (float)(total / dropped));
    }
}
