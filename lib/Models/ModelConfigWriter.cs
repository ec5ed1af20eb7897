using System.Text;
using System.Text.Json;
using HeadKvLab.Kernels;


namespace HeadKvLab.Models;

/// <summary>Writes a <see cref="ModelConfig"/> as the <c>config.json</c> that <see cref="ModelConfigReader"/> and Hugging Face's libraries read.</summary>
internal static class ModelConfigWriter
{
    internal static string Write(ModelConfig config)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            WriteShape(json, config);
            WriteRope(json, config);
            WriteSliding(json, config);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static void WriteShape(Utf8JsonWriter json, ModelConfig config)
    {
        json.WriteStartArray("architectures");
        var name = config.KvInputs.Count == 0 ? config.Architecture : ModelConfigReader.Latent; // which other libraries refuse instead of computing another model
        json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteString("model_type", name.Replace("ForCausalLM", "", StringComparison.Ordinal).ToLowerInvariant());
        json.WriteNumber("vocab_size", config.VocabSize);
        json.WriteNumber("hidden_size", config.HiddenSize);
        json.WriteNumber("intermediate_size", config.IntermediateSize);
        json.WriteNumber("num_hidden_layers", config.Layers);
        json.WriteNumber("num_attention_heads", config.QueryHeads);
        json.WriteNumber("num_key_value_heads", config.KvHeads);
        json.WriteNumber("head_dim", config.HeadDim);
        json.WriteString("hidden_act", "silu");
        json.WriteNumber("max_position_embeddings", config.MaxPositions);
        json.WriteNumber("rms_norm_eps", config.NormEpsilon);
        if (config.Architecture is "LlamaForCausalLM" or "Qwen3ForCausalLM") json.WriteBoolean("attention_bias", config.AttentionBias);
        if (config.Architecture == "LlamaForCausalLM") json.WriteBoolean("mlp_bias", config.MlpBias);
        json.WriteBoolean("tie_word_embeddings", config.TieEmbeddings);
        if (config.BosId is { } bos) json.WriteNumber("bos_token_id", bos);
        else json.WriteNull("bos_token_id"); // an absent key means the class's own id
        if (config.EosIds is [var eos]) json.WriteNumber("eos_token_id", eos);
        if (config.EosIds.Count == 0) json.WriteNull("eos_token_id");
        if (config.EosIds.Count > 1)
        {
            json.WriteStartArray("eos_token_id");
            foreach (var id in config.EosIds) json.WriteNumberValue(id);
            json.WriteEndArray();
        }
        json.WriteString("torch_dtype", config.StorageType.Name());
        if (config.KvInputs.Count == 0) return;
        json.WriteStartArray("kv_input_layers");
        foreach (var layer in config.KvInputs) json.WriteNumberValue(layer);
        json.WriteEndArray();
    }

    private static void WriteRope(Utf8JsonWriter json, ModelConfig config)
    {
        json.WriteNumber("rope_theta", config.RopeTheta);
        if (config.RopeScaling is null)
        {
            json.WriteNull("rope_scaling");
            return;
        }
        json.WriteStartObject("rope_scaling");
        switch (config.RopeScaling)
        {
            case LinearRopeScaling linear:
                json.WriteString("rope_type", "linear");
                json.WriteNumber("factor", linear.Factor);
                break;
            case Llama3RopeScaling llama3:
                json.WriteString("rope_type", "llama3");
                json.WriteNumber("factor", llama3.Factor);
                json.WriteNumber("low_freq_factor", llama3.LowFrequencyFactor);
                json.WriteNumber("high_freq_factor", llama3.HighFrequencyFactor);
                json.WriteNumber("original_max_position_embeddings", llama3.OriginalMaxPositions);
                break;
        }
        json.WriteEndObject();
    }

    private static void WriteSliding(Utf8JsonWriter json, ModelConfig config)
    {
        if (config.Architecture == "LlamaForCausalLM") return;
        if (config.SlidingWindow is { } window) json.WriteNumber("sliding_window", window);
        else json.WriteNull("sliding_window");
        if (config.Architecture == "MistralForCausalLM") return;
        json.WriteBoolean("use_sliding_window", config.SlidingWindow is not null);
        json.WriteStartArray("layer_types");
        for (var layer = 0; layer < config.Layers; layer++)
            json.WriteStringValue(config.WindowOf(layer) is null ? "full_attention" : "sliding_attention");
        json.WriteEndArray();
    }
}
