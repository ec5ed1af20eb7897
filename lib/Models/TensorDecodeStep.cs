using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Decodes one token by tensor operations where the decoder's weights lie: the path for GPUs. On a CPU <see cref="DecodeStep"/> is several times
/// faster; both give the same logits to rounding.
/// </summary>
/// <param name="decoder">The model.</param>
public sealed class TensorDecodeStep(Decoder decoder)
{
    /// <summary>Where the weights are.</summary>
    public Device Device => decoder.Model.embed_tokens.weight.device;

    /// <summary>Appends one token to the cache and gives the logits of the next.</summary>
    /// <param name="id">Token id; its position is the cache's logical length.</param>
    /// <param name="cache">On the same device.</param>
    /// <returns>Logits <c>[vocabulary]</c>, on the CPU.</returns>
    /// <exception cref="LabException">The id is outside the vocabulary, or the context is used up.</exception>
    public float[] Run(int id, GroupedCache cache)
    {
        PromptChecks.Check(decoder.Config, [id], cache.LogicalLength, ScorerNeeds.None);
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        var x = decoder.Model.embed_tokens.forward(tensor([(long)id], 1, 1).to(Device));
        var rotation = decoder.Rotary.At(tensor([(long)cache.LogicalLength], 1, 1).to(Device));
        using var inputs = KvInputs.Of(decoder.Config);
        foreach (var layer in decoder.Model.layers) layer.Advance(x, rotation, new DeviceStore(layer.Index, cache), inputs: inputs);
        cache.Advance();
        return decoder.Logits(decoder.Model.norm.forward(x[0])).cpu().data<float>().ToArray();
    }
}

/// <summary>Shows a sink, in main memory, the layers of a prefill that runs on another device: only one layer at a time comes over.</summary>
/// <param name="inner">Receives the layers.</param>
internal sealed class HostSink(IPromptSink inner) : IPromptSink
{
    /// <inheritdoc/>
    public ScorerNeeds Needs => inner.Needs;

    /// <inheritdoc/>
    public LayerMap? Layers => inner.Layers;

    /// <inheritdoc/>
    public void Accept(in LayerView layer)
    {
        using var scope = NewDisposeScope();
        inner.Accept(layer with
        {
            Keys = layer.Keys.cpu(), Values = layer.Values.cpu(), Queries = layer.Queries.cpu(),
            Sums = layer.Sums?.ToDictionary(s => s.Key, s => s.Value.cpu()), Mixed = layer.Mixed?.cpu(),
            Output = layer.Output is { } output ? () => output().cpu() : null, Input = layer.Input is { } input ? () => input().cpu() : null,
        });
    }

    /// <inheritdoc/>
    public void Attended(int layer, Tensor before, Tensor after)
    {
        using var scope = NewDisposeScope();
        inner.Attended(layer, before.cpu(), after.cpu());
    }
}
