using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>
/// Measures PrefixKV's curves: one prefill of each prompt, the attention that each position received from all queries, averaged over all query heads of the layer.
/// Nothing is compressed or stored. Cost beside the prefill: the column sums and one sort of the positions a layer.
/// </summary>
public sealed class PrefixProfile : IPromptSink
{
    private readonly double[][] _sums; // [layer][point], over prompts
    private readonly int _layers;
    private int _prompts;

    private PrefixProfile(int layers) => (_layers, _sums) = (layers, [.. Enumerable.Range(0, layers).Select(_ => new double[PrefixCurves.Steps + 1])]);

    /// <inheritdoc/>
    public ScorerNeeds Needs { get; } = new() { Sums = [AttentionSum.Received] };

    /// <summary>Measures a model.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>; each counts the same, whatever its length.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="stop">Ends the measurement between two prompts.</param>
    /// <exception cref="ModelOverflow">A layer's attention is no number.</exception>
    public static PrefixCurves Measure(Decoder decoder, IReadOnlyList<int[]> prompts, Action<int>? progress = null, CancellationToken stop = default)
    {
        var profile = new PrefixProfile(decoder.Config.Layers);
        foreach (var prompt in prompts)
        {
            stop.ThrowIfCancellationRequested();
            decoder.Prefill(prompt, null, profile).Dispose();
            progress?.Invoke(profile._prompts);
        }
        return new(Array.ConvertAll(profile._sums, sum => Array.ConvertAll(sum, value => value / profile._prompts)));
    }

    /// <inheritdoc/>
    public void Accept(in LayerView layer)
    {
        var received = (layer.Sum(AttentionSum.Received) ?? throw new InvalidOperationException("the prefill handed over no sums")).contiguous().data<float>();
        var scores = new double[layer.Length];
        var position = 0;
        foreach (var attention in received)
        {
            scores[position] += attention;
            if (++position == scores.Length) position = 0;
        }
        if (!double.IsFinite(scores.Sum())) throw new ModelOverflow($"layer {layer.Layer}: the attention is NaN: a query or key overflowed; compute in float32 or bfloat16");
        var (curve, sum) = (PrefixCurves.Of(scores), _sums[layer.Layer]);
        for (var i = 0; i < sum.Length; i++) sum[i] += curve[i];
        if (layer.Layer == _layers - 1) _prompts++;
    }
}
