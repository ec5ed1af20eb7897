using System.Text.Json;
using HeadKvLab.Kernels;
using HeadKvLab.Text;


namespace HeadKvLab.Models;

/// <summary>
/// From the keys of a Hugging Face <c>config.json</c> to <see cref="ModelConfig"/>, with the defaults of each architecture's own config class.
/// What the decoder does not compute exactly is refused by name rather than ignored.
/// </summary>
internal static class ModelConfigReader
{
    private const string Llama = "LlamaForCausalLM", Mistral = "MistralForCausalLM", Qwen2 = "Qwen2ForCausalLM", Qwen3 = "Qwen3ForCausalLM";

    /// <summary>A Llama whose layers may project keys and values from an earlier layer's input; no other library's.</summary>
    internal const string Latent = "LlamaLatentForCausalLM";

    private static readonly Dictionary<string, string> ByModelType = new()
    {
        ["llama"] = Llama, ["mistral"] = Mistral, ["qwen2"] = Qwen2, ["qwen3"] = Qwen3,
    };

    internal static ModelConfig Read(JsonPlace json)
    {
        var architecture = Architecture(json);
        RefuseNull(json, architecture);
        var hidden = json["hidden_size"].Int(1, 1 << 17);
        var heads = json["num_attention_heads"].Int(1, 1024);
        var vocabulary = json["vocab_size"].Int(1, 1 << 24);
        var layers = json["num_hidden_layers"].Int(1, 1024);
        var allBias = architecture is Llama or Qwen3 && json["attention_bias"].FlagOr(false);
        var config = new ModelConfig
        {
            Architecture = architecture,
            VocabSize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = json["intermediate_size"].Int(1, 1 << 20),
            Layers = layers,
            QueryHeads = heads,
            KvHeads = KvHeads(json, architecture, heads),
            HeadDim = HeadDim(json, architecture, hidden, heads),
            NormEpsilon = json["rms_norm_eps"].Positive(1e-6),
            MaxPositions = json["max_position_embeddings"].Int(1, int.MaxValue, architecture switch { Llama => 2048, Mistral => 131_072, _ => 32_768 }),
            AttentionBias = architecture == Qwen2 || allBias,
            OutputBias = allBias,
            MlpBias = architecture == Llama && json["mlp_bias"].FlagOr(false),
            QkNorm = architecture == Qwen3,
            TieEmbeddings = json["tie_word_embeddings"].FlagOr(false),
            BosId = Special(json, "bos_token_id", architecture, 1, vocabulary) is [var bos, ..] ? bos : null,
            EosIds = Special(json, "eos_token_id", architecture, 2, vocabulary),
            StorageType = StorageType(json),
            KvInputs = KvInputs(json, layers),
        };
        RefuseWhatIsNotComputed(json, architecture);
        return RopeReader.Apply(json, SlidingReader.Apply(json, config));
    }

    private static string Architecture(JsonPlace json)
    {
        var names = json["architectures"].Texts() ?? [];
        if (names is [Latent]) return Llama;
        var type = json["model_type"].TextOrNone();
        var name = names.FirstOrDefault() ?? (type is not null ? ByModelType.GetValueOrDefault(type, type) : null)
            ?? throw json["architectures"].Bad("is missing: add the model's class name, for example [\"LlamaForCausalLM\"]");
        if (!ByModelType.ContainsValue(name))
            throw json["architectures"].Bad($"names '{name}', which this lab does not compute: it reads {string.Join(", ", ByModelType.Values)}");
        if (type is not null && ByModelType.GetValueOrDefault(type) != name)
            throw json["model_type"].Bad($"is '{type}', but 'architectures' says {name}: the two must agree");
        return name;
    }

    /// <summary>Null is a value where a class has one for it (no sliding window, no stop id); where it has none, the file is wrong, not silent.</summary>
    private static void RefuseNull(JsonPlace json, string architecture)
    {
        string[] always = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps", "max_position_embeddings", "hidden_act", "tie_word_embeddings"];
        string[] own = architecture switch
        {
            Llama => ["attention_bias", "mlp_bias"],
            Mistral => ["num_key_value_heads"],
            Qwen2 => ["head_dim", "use_sliding_window", "max_window_layers"],
            _ => ["head_dim", "use_sliding_window", "max_window_layers", "attention_bias"],
        };
        if (always.Concat(own).FirstOrDefault(key => json[key].Given && !json[key].Exists) is { } empty)
            throw json[empty].Bad($"is null, which {architecture} gives no meaning: give a value, or remove the key for the default");
    }

    /// <summary>Ids of a special token. Llama and Mistral have one where the key is absent; null is none.</summary>
    private static int[] Special(JsonPlace json, string key, string architecture, int missing, int vocabulary) =>
        json[key].Given ? json[key].Ids(vocabulary) : architecture is Llama or Mistral && missing < vocabulary ? [missing] : [];

    private static int KvHeads(JsonPlace json, string architecture, int heads)
    {
        var missing = architecture == Llama || json["num_key_value_heads"].Given ? heads : architecture == Mistral ? 8 : 32; // null in Qwen: as many as query heads
        var kvHeads = json["num_key_value_heads"].Int(1, 1024, missing);
        return heads % kvHeads == 0
            ? kvHeads
            : throw json["num_key_value_heads"].Bad($"is {kvHeads}, which does not divide the {heads} query heads: each KV head must serve the same number of them");
    }

    private static IReadOnlyList<int> KvInputs(JsonPlace json, int layers)
    {
        var place = json["kv_input_layers"];
        if (json["architectures"].Texts() is [Latent] != place.Given) throw place.Bad($"goes with architectures [\"{Latent}\"] and with no other: give both or none");
        if (!place.Given) return [];
        var inputs = place.Ids(layers);
        return inputs.Length == layers && inputs.Select((input, layer) => input <= layer && inputs[input] == input).All(good => good) ? inputs
            : throw place.Bad($"must name for each of the {layers} layers itself, or an earlier layer that names itself");
    }

    private static int HeadDim(JsonPlace json, string architecture, int hidden, int heads)
    {
        if (!json["head_dim"].Exists && architecture != Qwen3 && hidden % heads != 0)
            throw json["num_attention_heads"].Bad($"is {heads}, which does not divide hidden_size {hidden}: correct it or give head_dim");
        var dim = json["head_dim"].Int(2, 1024, architecture == Qwen3 ? 128 : hidden / heads);
        return dim % 2 == 0 ? dim : throw json["head_dim"].Bad($"is {dim}: rope turns pairs, so it must be even");
    }

    private static NumberFormat StorageType(JsonPlace json)
    {
        var key = json["dtype"].Exists ? "dtype" : "torch_dtype";
        if (json[key].TextOrNone() is not { } name) return NumberFormat.Float32;
        return NumberFormats.TryParse(name, out var format) && NumberFormats.Floating.Contains(format)
            ? format : throw json[key].Bad($"is '{name}': this lab reads float32, bfloat16 and float16 weights; convert the checkpoint");
    }

    private static void RefuseWhatIsNotComputed(JsonPlace json, string architecture)
    {
        if ((json["hidden_act"].TextOrNone() ?? "silu") is not ("silu" or "swish") and var activation)
            throw json["hidden_act"].Bad($"is '{activation}': the feed-forward block of {architecture} is computed with silu only");
        if (json["quantization_config"].Exists)
            throw json["quantization_config"].Bad("is set: quantised checkpoints are not read; use the float32, bfloat16 or float16 one");
        if (json["per_layer_config"].Exists)
            throw json["per_layer_config"].Bad("is set: layers that differ in their sizes or options are not computed by this lab");
        if (json["transformers_weights"].Exists)
            throw json["transformers_weights"].Bad("names another file for the weights: rename that file to model.safetensors and remove the key");
        if (architecture is Qwen2 or Mistral && json["attention_bias"].FlagOr(architecture == Qwen2) != (architecture == Qwen2))
            throw json["attention_bias"].Bad($"contradicts {architecture}, whose biases are fixed: remove the key");
    }
}
