using System.Text.Json;
using HeadKvLab.Kernels;


namespace HeadKvLab.Models;

/// <summary>
/// From the keys of a Hugging Face <c>config.json</c> to <see cref="ModelConfig"/>, with the defaults of each architecture's own config class.
/// What the decoder does not compute exactly is refused by name rather than ignored.
/// </summary>
internal static class ModelConfigReader
{
    private const string Llama = "LlamaForCausalLM", Mistral = "MistralForCausalLM", Qwen2 = "Qwen2ForCausalLM", Qwen3 = "Qwen3ForCausalLM";

    private static readonly Dictionary<string, string> ByModelType = new()
    {
        ["llama"] = Llama, ["mistral"] = Mistral, ["qwen2"] = Qwen2, ["qwen3"] = Qwen3,
    };

    internal static ModelConfig Read(JsonFields json)
    {
        var architecture = Architecture(json);
        RefuseNull(json, architecture);
        var hidden = json.Int("hidden_size", 1, 1 << 17);
        var heads = json.Int("num_attention_heads", 1, 1024);
        var vocabulary = json.Int("vocab_size", 1, 1 << 24);
        var layers = json.Int("num_hidden_layers", 1, 1024);
        var allBias = architecture is Llama or Qwen3 && json.Flag("attention_bias", false);
        var config = new ModelConfig
        {
            Architecture = architecture,
            VocabSize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = json.Int("intermediate_size", 1, 1 << 20),
            Layers = layers,
            QueryHeads = heads,
            KvHeads = KvHeads(json, architecture, heads),
            HeadDim = HeadDim(json, architecture, hidden, heads),
            NormEpsilon = json.Positive("rms_norm_eps", 1e-6),
            MaxPositions = json.Int("max_position_embeddings", 1, int.MaxValue, architecture switch { Llama => 2048, Mistral => 131_072, _ => 32_768 }),
            AttentionBias = architecture == Qwen2 || allBias,
            OutputBias = allBias,
            MlpBias = architecture == Llama && json.Flag("mlp_bias", false),
            QkNorm = architecture == Qwen3,
            TieEmbeddings = json.Flag("tie_word_embeddings", false),
            BosId = Special(json, "bos_token_id", architecture, 1, vocabulary) is [var bos, ..] ? bos : null,
            EosIds = Special(json, "eos_token_id", architecture, 2, vocabulary),
            StorageType = StorageType(json),
        };
        RefuseWhatIsNotComputed(json, architecture);
        return RopeReader.Apply(json, SlidingReader.Apply(json, config));
    }

    private static string Architecture(JsonFields json)
    {
        var names = json.Texts("architectures") ?? [];
        var type = json.Text("model_type");
        var name = names.FirstOrDefault() ?? (type is not null ? ByModelType.GetValueOrDefault(type, type) : null)
            ?? throw json.Error("architectures", "is missing: add the model's class name, for example [\"LlamaForCausalLM\"]");
        if (!ByModelType.ContainsValue(name))
            throw json.Error("architectures", $"names '{name}', which this lab does not compute: it reads {string.Join(", ", ByModelType.Values)}");
        if (type is not null && ByModelType.GetValueOrDefault(type) != name)
            throw json.Error("model_type", $"is '{type}', but 'architectures' says {name}: the two must agree");
        return name;
    }

    /// <summary>Null is a value where a class has one for it (no sliding window, no stop id); where it has none, the file is wrong, not silent.</summary>
    private static void RefuseNull(JsonFields json, string architecture)
    {
        string[] always = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps", "max_position_embeddings", "hidden_act", "tie_word_embeddings"];
        string[] own = architecture switch
        {
            Llama => ["attention_bias", "mlp_bias"],
            Mistral => ["num_key_value_heads"],
            Qwen2 => ["head_dim", "use_sliding_window", "max_window_layers"],
            _ => ["head_dim", "use_sliding_window", "max_window_layers", "attention_bias"],
        };
        if (always.Concat(own).FirstOrDefault(key => json.Mentions(key) && !json.Has(key, out _)) is { } empty)
            throw json.Error(empty, $"is null, which {architecture} gives no meaning: give a value, or remove the key for the default");
    }

    /// <summary>Ids of a special token. Llama and Mistral have one where the key is absent; null is none.</summary>
    private static int[] Special(JsonFields json, string key, string architecture, int missing, int vocabulary) =>
        json.Mentions(key) ? json.Ids(key, vocabulary) : architecture is Llama or Mistral && missing < vocabulary ? [missing] : [];

    private static int KvHeads(JsonFields json, string architecture, int heads)
    {
        var missing = architecture == Llama || json.Mentions("num_key_value_heads") ? heads : architecture == Mistral ? 8 : 32; // null in Qwen: as many as query heads
        var kvHeads = json.Int("num_key_value_heads", 1, 1024, missing);
        return heads % kvHeads == 0
            ? kvHeads
            : throw json.Error("num_key_value_heads", $"is {kvHeads}, which does not divide the {heads} query heads: each KV head must serve the same number of them");
    }

    private static int HeadDim(JsonFields json, string architecture, int hidden, int heads)
    {
        if (!json.Has("head_dim", out _) && architecture != Qwen3 && hidden % heads != 0)
            throw json.Error("num_attention_heads", $"is {heads}, which does not divide hidden_size {hidden}: correct it or give head_dim");
        var dim = json.Int("head_dim", 2, 1024, architecture == Qwen3 ? 128 : hidden / heads);
        return dim % 2 == 0 ? dim : throw json.Error("head_dim", $"is {dim}: rope turns pairs, so it must be even");
    }

    private static NumberFormat StorageType(JsonFields json)
    {
        var key = json.Has("dtype", out _) ? "dtype" : "torch_dtype";
        if (json.Text(key) is not { } name) return NumberFormat.Float32;
        return NumberFormats.TryParse(name, out var format) && NumberFormats.Floating.Contains(format)
            ? format : throw json.Error(key, $"is '{name}': this lab reads float32, bfloat16 and float16 weights; convert the checkpoint");
    }

    private static void RefuseWhatIsNotComputed(JsonFields json, string architecture)
    {
        if ((json.Text("hidden_act") ?? "silu") is not ("silu" or "swish") and var activation)
            throw json.Error("hidden_act", $"is '{activation}': the feed-forward block of {architecture} is computed with silu only");
        if (json.Has("quantization_config", out _))
            throw json.Error("quantization_config", "is set: quantised checkpoints are not read; use the float32, bfloat16 or float16 one");
        if (json.Has("per_layer_config", out _))
            throw json.Error("per_layer_config", "is set: layers that differ in their sizes or options are not computed by this lab");
        if (json.Has("transformers_weights", out _))
            throw json.Error("transformers_weights", "names another file for the weights: rename that file to model.safetensors and remove the key");
        if (architecture is Qwen2 or Mistral && json.Flag("attention_bias", architecture == Qwen2) != (architecture == Qwen2))
            throw json.Error("attention_bias", $"contradicts {architecture}, whose biases are fixed: remove the key");
    }
}
