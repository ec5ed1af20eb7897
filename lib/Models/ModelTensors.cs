namespace HeadKvLab.Models;

/// <summary>Name and shape of one weight in a checkpoint. Matrices are <c>[out, in]</c>.</summary>
/// <param name="Name">Hugging Face name, for example <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
/// <param name="Shape">Sizes of its dimensions.</param>
public readonly record struct ModelTensor(string Name, long[] Shape)
{
    /// <summary>Number of values; throws <see cref="OverflowException"/> beyond 2^63.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => checked(product * size));
}

/// <summary>The weights a configuration calls for, under the names of Hugging Face checkpoints: what is read, written and trained.</summary>
public static class ModelTensors
{
    /// <summary>Embedding, <c>[vocabulary, hidden]</c>.</summary>
    public const string Embedding = "model.embed_tokens.weight";

    /// <summary>Gain of the last RMSNorm, <c>[hidden]</c>.</summary>
    public const string FinalNorm = "model.norm.weight";

    /// <summary>Output matrix, <c>[vocabulary, hidden]</c>; absent when tied to the embedding.</summary>
    public const string Output = "lm_head.weight";

    /// <summary>Prefix of the names of one layer.</summary>
    public static string Layer(int layer) => $"model.layers.{layer}.";

    /// <summary>All weights of a model, in the order of the computation.</summary>
    public static IEnumerable<ModelTensor> Of(ModelConfig config)
    {
        yield return new(Embedding, [config.VocabSize, config.HiddenSize]);
        for (var layer = 0; layer < config.Layers; layer++)
            foreach (var (name, shape) in OfLayer(config))
                yield return new(Layer(layer) + name, shape);
        yield return new(FinalNorm, [config.HiddenSize]);
        if (!config.TieEmbeddings) yield return new(Output, [config.VocabSize, config.HiddenSize]);
    }

    /// <summary>Number of trainable values, a tied output matrix counted once.</summary>
    public static long ParameterCount(ModelConfig config) => Of(config).Aggregate(0L, (sum, tensor) => checked(sum + tensor.Count));

    private static IEnumerable<ModelTensor> OfLayer(ModelConfig config)
    {
        var (hidden, inner) = (config.HiddenSize, config.IntermediateSize);
        var (queries, keys) = ((long)config.QueryHeads * config.HeadDim, (long)config.KvHeads * config.HeadDim);
        yield return new("input_layernorm.weight", [hidden]);
        yield return new("self_attn.q_proj.weight", [queries, hidden]);
        yield return new("self_attn.k_proj.weight", [keys, hidden]);
        yield return new("self_attn.v_proj.weight", [keys, hidden]);
        if (config.AttentionBias)
        {
            yield return new("self_attn.q_proj.bias", [queries]);
            yield return new("self_attn.k_proj.bias", [keys]);
            yield return new("self_attn.v_proj.bias", [keys]);
        }
        if (config.QkNorm)
        {
            yield return new("self_attn.q_norm.weight", [config.HeadDim]);
            yield return new("self_attn.k_norm.weight", [config.HeadDim]);
        }
        yield return new("self_attn.o_proj.weight", [hidden, queries]);
        if (config.OutputBias) yield return new("self_attn.o_proj.bias", [hidden]);
        yield return new("post_attention_layernorm.weight", [hidden]);
        yield return new("mlp.gate_proj.weight", [inner, hidden]);
        yield return new("mlp.up_proj.weight", [inner, hidden]);
        yield return new("mlp.down_proj.weight", [hidden, inner]);
        if (!config.MlpBias) yield break;
        yield return new("mlp.gate_proj.bias", [inner]);
        yield return new("mlp.up_proj.bias", [inner]);
        yield return new("mlp.down_proj.bias", [hidden]);
    }
}
