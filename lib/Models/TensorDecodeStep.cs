using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Decodes one token by tensor operations where the decoder's weights lie: the path for GPUs. On a CPU <see cref="DecodeStep"/> is several times
/// faster; both give the same logits to rounding.
/// </summary>
public sealed class TensorDecodeStep
{
    private readonly Decoder _decoder;

    /// <summary>Prepares a step.</summary>
    /// <param name="decoder">The model.</param>
    /// <exception cref="LabException">A layer slides: its heads would need their window moved, which this path does not do.</exception>
    public TensorDecodeStep(Decoder decoder)
    {
        if (Enumerable.Range(0, decoder.Config.Layers).Any(layer => decoder.Config.WindowOf(layer) is not null))
            throw new LabException("models with sliding windows are decoded on the CPU only: leave --device out");
        _decoder = decoder;
    }

    /// <summary>Where the weights are.</summary>
    public Device Device => _decoder.Model.embed_tokens.weight.device;

    /// <summary>Appends one token to the cache and gives the logits of the next.</summary>
    /// <param name="id">Token id; its position is the cache's logical length.</param>
    /// <param name="cache">On the same device.</param>
    /// <returns>Logits <c>[vocabulary]</c>, on the CPU.</returns>
    /// <exception cref="LabException">The id is outside the vocabulary, or the context is used up.</exception>
    public float[] Run(int id, GroupedCache cache)
    {
        PromptChecks.Check(_decoder.Config, [id], cache.LogicalLength, ScorerNeeds.None);
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        var x = _decoder.Model.embed_tokens.forward(tensor([(long)id], 1, 1).to(Device));
        var rotation = _decoder.Rotary.At(tensor([(long)cache.LogicalLength], 1, 1).to(Device));
        foreach (var layer in _decoder.Model.layers)
        {
            using var layerScope = NewDisposeScope();
            x = (x + Attend(layer, layer.input_layernorm.forward(x), rotation, cache));
            x = (x + layer.mlp.forward(layer.post_attention_layernorm.forward(x))).MoveToOuterDisposeScope();
        }
        cache.Advance();
        return _decoder.Logits(_decoder.Model.norm.forward(x[0])).cpu().data<float>().ToArray();
    }

    private Tensor Attend(DecoderLayer layer, Tensor x, Rotation rotation, GroupedCache cache)
    {
        var (attention, config) = (layer.self_attn, _decoder.Config);
        var q = Heads(attention.q_proj.forward(x), config.QueryHeads, attention.q_norm);
        var k = Heads(attention.k_proj.forward(x), config.KvHeads, attention.k_norm);
        var v = attention.v_proj.forward(x).view(config.KvHeads, config.HeadDim);
        cache.Append(layer.Index, Spread(k), Spread(v));
        return attention.o_proj.forward(cache.Attend(layer.Index, q, attention.Scale).view(1, 1, -1));

        Tensor Heads(Tensor projected, int heads, RootMeanSquare? norm)
        {
            var split = projected.view(1, 1, heads, config.HeadDim);
            return rotation.Apply(norm?.forward(split) ?? split).view(heads, config.HeadDim);
        }

        // at query-head granularity every query head has entries of its own
        Tensor Spread(Tensor heads) => cache.KvHeads == config.KvHeads ? heads : heads.repeat_interleave(cache.KvHeads / config.KvHeads, 0);
    }
}

/// <summary>Stores or compresses, in main memory, the layers of a prefill that runs on another device: only one layer at a time comes over.</summary>
/// <param name="inner">Receives the layers.</param>
public sealed class HostSink(IPromptSink inner) : IPromptSink
{
    /// <inheritdoc/>
    public ScorerNeeds Needs => inner.Needs;

    /// <inheritdoc/>
    public void Accept(in LayerView layer)
    {
        using var scope = NewDisposeScope();
        inner.Accept(layer with { Keys = layer.Keys.cpu(), Values = layer.Values.cpu(), Queries = layer.Queries.cpu(), AttentionSums = layer.AttentionSums?.cpu() });
    }
}

/// <summary>Keeps all layers of a prefill, uncompressed.</summary>
/// <param name="cache">Where they go; empty.</param>
public sealed class FullSink(RaggedCache cache) : IPromptSink
{
    /// <inheritdoc/>
    public ScorerNeeds Needs => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Accept(in LayerView layer)
    {
        cache[layer.Layer].Append(layer.Keys, layer.Values);
        if (layer.Layer == cache.Shape.Layers - 1) cache.Advance(layer.Length);
    }
}
