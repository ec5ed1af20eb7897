using HeadKvLab.Cache;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>
/// Measures how much each head changes what it is given: one minus the mean cosine of a token's value and the head's output there, before the output projection,
///     change[l, h] = 1 - mean over t of v_t · o_t / (|v_t| |o_t|),   o_t = sum over j of a[t, j] v_j       (0 where a length is 0)
/// and each layer the residual stream, one minus the mean cosine of the stream before attention and with what attention added.
/// Paper: BaKlaVa (arXiv 2502.13176) measures the cosine of a head's input and output; the value stands for the input here, which has the output's size and basis.
/// One prefill of each prompt, nothing compressed or stored.
/// </summary>
public sealed class ChangeProfile : IPromptSink
{
    private readonly int _heads;
    private readonly double[] _change, _stream;

    private ChangeProfile(ModelConfig config) => (_heads, _change, _stream) = (config.QueryHeads, new double[config.Layers * config.QueryHeads], new double[config.Layers]);

    /// <inheritdoc/>
    public ScorerNeeds Needs { get; } = new() { Mixed = true, Stream = true };

    /// <summary>Measures a model.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="stop">Ends the measurement between two prompts.</param>
    /// <exception cref="ModelOverflow">A cosine is no number.</exception>
    public static HeadChanges Measure(Decoder decoder, IReadOnlyList<int[]> prompts, Action<int>? progress = null, CancellationToken stop = default)
    {
        var (heads, stream) = (new List<double[]>(), new List<double[]>());
        foreach (var prompt in prompts)
        {
            stop.ThrowIfCancellationRequested();
            var profile = new ChangeProfile(decoder.Config);
            decoder.Prefill(prompt, null, profile).Dispose();
            heads.Add(profile._change);
            stream.Add(Array.ConvertAll(profile._stream, sum => Change(sum / prompt.Length)));
            progress?.Invoke(heads.Count);
        }
        return new(decoder.Config.Layers, heads, stream);
    }

    /// <inheritdoc/>
    public void Accept(in LayerView layer) => Of(layer).CopyTo(_change.AsSpan(layer.Layer * _heads, _heads));

    /// <inheritdoc/>
    public void Attended(int layer, Tensor before, Tensor after)
    {
        using var scope = NewDisposeScope();
        _stream[layer] += Cosines(before, after).sum(ScalarType.Float64).item<double>();
    }

    /// <summary>Change of the query heads of a layer, <c>[queryHead]</c>.</summary>
    /// <param name="layer">The layer, with the outputs of its heads.</param>
    internal static double[] Of(in LayerView layer)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var mixed = layer.Mixed ?? throw new InvalidOperationException("the prefill handed over no outputs of heads");
        var (kvHeads, dim) = (layer.Values.shape[0], layer.Values.shape[2]);
        var outputs = mixed.view(kvHeads, mixed.shape[0] / kvHeads, layer.Length, dim);                    // [kvHead, group, position, dim]
        var cosines = Cosines(layer.Values.unsqueeze(1), outputs).mean([-1], type: ScalarType.Float64);
        return Array.ConvertAll(cosines.contiguous().data<double>().ToArray(), Change);
    }

    /// <summary>Cosines along the last dimension; 0 where a length is 0.</summary>
    private static Tensor Cosines(Tensor a, Tensor b)
    {
        var lengths = a.mul(a).sum(-1).sqrt() * b.mul(b).sum(-1).sqrt();
        return where(lengths == 0, zeros_like(lengths), a.mul(b).sum(-1) / lengths);
    }

    /// <summary>One minus a mean cosine; what rounding carries beyond 0 and 2 is cut off.</summary>
    private static double Change(double cosine) => double.IsFinite(cosine) ? Math.Clamp(1 - cosine, 0, 2)
        : throw new ModelOverflow("head change: a cosine is NaN: a value overflowed; compute in float32 or bfloat16");
}
