using HeadKvLab.Cache;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>Keeps the attention rows of the last decoded token: what head scores are made of. The cache must be uncompressed.</summary>
public sealed class AttentionRecorder(ModelConfig config) : IStepObserver
{
    private readonly float[][] rows = new float[config.Layers][];

    /// <summary>Attention of one layer, <c>[queryHead * position]</c>; each head's row sums to 1, and is 0 outside a sliding window.</summary>
    public ReadOnlySpan<float> Row(int layer) => rows[layer];

    /// <inheritdoc/>
    public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var keys = cache.Keys().to(ScalarType.Float32);                                                     // [kvHead, position, dim]
        var grouped = tensor(queries.ToArray()).view(config.KvHeads, config.Group, config.HeadDim) / (1 / config.AttentionScale);   // divided, not multiplied: the same scores to the last bit
        var logits = grouped.bmm(keys.transpose(1, 2));
        if (config.WindowOf(layer) is { } window && logits.shape[2] > window) logits.narrow(2, 0, logits.shape[2] - window).fill_(float.NegativeInfinity);
        rows[layer] = logits.softmax(-1).contiguous().data<float>().ToArray();   // [kvHead, group, position]
    }
}
