using System.Text;
using HeadKvLab.Kernels;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

public class ModelConfigTests
{
    private const string Llama31 = """
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":128256,"hidden_size":4096,"intermediate_size":14336,
         "num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,"hidden_act":"silu","max_position_embeddings":131072,
         "rms_norm_eps":1e-05,"rope_theta":500000.0,"tie_word_embeddings":false,"attention_bias":false,"mlp_bias":false,
         "bos_token_id":128000,"eos_token_id":[128001,128008,128009],"torch_dtype":"bfloat16",
         "rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}}
        """;

    private const string Tiny = """{"architectures":["X"],"vocab_size":16,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2""";

    private static ModelConfig Read(string json) => ModelConfig.Parse(Encoding.UTF8.GetBytes(json));

    /// <summary>A tiny config of an architecture with further keys (later keys must be new ones).</summary>
    private static ModelConfig ReadTiny(string architecture, string more = "") => Read(Tiny.Replace("\"X\"", $"\"{architecture}\"") + (more == "" ? "" : "," + more) + "}");

    private static string Refusal(Action act) => Assert.Throws<LabException>(act).Message;

    [Fact]
    public void ReadsLlama31()
    {
        var config = Read(Llama31);
        Assert.Equal((128256, 4096, 14336, 32, 32, 8, 128), (config.VocabSize, config.HiddenSize, config.IntermediateSize, config.Layers, config.QueryHeads, config.KvHeads, config.HeadDim));
        Assert.Equal(new Llama3RopeScaling(8, 1, 4, 8192), config.RopeScaling);
        Assert.Equal(128000, config.BosId);
        Assert.Equal([128001, 128008, 128009], config.EosIds);
        Assert.Equal(NumberFormat.BFloat16, config.StorageType);
        Assert.Equal(8_030_261_248, ModelTensors.ParameterCount(config)); // the published "8B"
        Assert.Equal(131_072, config.KvBytesPerToken(2)); // 2 x 32 layers x 8 heads x 128 x 2 bytes
        Assert.Equal(524_288, config.KvBytesPerTokenByQueryHead(2));
        var again = Read(config.ToJson());
        Assert.Equal(config with { EosIds = [], SlidingLayers = [] }, again with { EosIds = [], SlidingLayers = [] });
        Assert.Equal(config.EosIds, again.EosIds);
    }

    [Theory]
    [InlineData("LlamaForCausalLM", "")]
    [InlineData("LlamaForCausalLM", "\"attention_bias\":true,\"mlp_bias\":true,\"tie_word_embeddings\":true,\"eos_token_id\":[1,2]")]
    [InlineData("LlamaForCausalLM", "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}")]
    [InlineData("MistralForCausalLM", "\"sliding_window\":7,\"head_dim\":6")]
    [InlineData("MistralForCausalLM", "\"sliding_window\":null,\"bos_token_id\":3,\"torch_dtype\":\"float16\"")]
    [InlineData("Qwen2ForCausalLM", "\"use_sliding_window\":true,\"sliding_window\":5,\"max_window_layers\":1")]
    [InlineData("Qwen3ForCausalLM", "\"head_dim\":16,\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":1000000}")]
    public void WritesWhatItReads(string architecture, string more)
    {
        var config = ReadTiny(architecture, more);
        Assert.Equal(config.ToJson(), Read(config.ToJson()).ToJson());
        Assert.Equal(config with { SlidingLayers = [], EosIds = [] }, Read(config.ToJson()) with { SlidingLayers = [], EosIds = [] });
        Assert.Equal(Enumerable.Range(0, 2).Select(config.WindowOf), Enumerable.Range(0, 2).Select(Read(config.ToJson()).WindowOf));
    }

    /// <summary>The whole text: every key that Hugging Face's library would otherwise take from its class.</summary>
    [Fact]
    public void WritesEveryKey() => Assert.Equal("""
        {
          "architectures": [
            "Qwen3ForCausalLM"
          ],
          "model_type": "qwen3",
          "vocab_size": 16,
          "hidden_size": 8,
          "intermediate_size": 12,
          "num_hidden_layers": 2,
          "num_attention_heads": 4,
          "num_key_value_heads": 2,
          "head_dim": 128,
          "hidden_act": "silu",
          "max_position_embeddings": 32768,
          "rms_norm_eps": 1E-06,
          "attention_bias": false,
          "tie_word_embeddings": false,
          "bos_token_id": null,
          "eos_token_id": 3,
          "torch_dtype": "bfloat16",
          "rope_theta": 10000,
          "rope_scaling": null,
          "sliding_window": null,
          "use_sliding_window": false,
          "layer_types": [
            "full_attention",
            "full_attention"
          ]
        }

        """.ReplaceLineEndings("\n"), ReadTiny("Qwen3ForCausalLM", "\"eos_token_id\":3,\"dtype\":\"bfloat16\"").ToJson());

    [Fact]
    public void KnowsWhatEachFamilyAdds()
    {
        Assert.Equal(4096, ReadTiny("MistralForCausalLM").SlidingWindow); // v0.1's default when the key is absent
        Assert.Null(ReadTiny("MistralForCausalLM", "\"sliding_window\":null").SlidingWindow);
        var qwen2 = ReadTiny("Qwen2ForCausalLM", "\"use_sliding_window\":true,\"sliding_window\":5,\"max_window_layers\":1");
        Assert.True(qwen2 is { AttentionBias: true, OutputBias: false, QkNorm: false });
        Assert.Equal([null, 5], new[] { qwen2.WindowOf(0), qwen2.WindowOf(1) });
        Assert.True(ReadTiny("Qwen3ForCausalLM") is { AttentionBias: false, QkNorm: true, HeadDim: 128, SlidingWindow: null });
        Assert.Equal(1e6, ReadTiny("Qwen3ForCausalLM", "\"rope_parameters\":{\"rope_theta\":1e6}").RopeTheta);
        Assert.Contains(new ModelTensor("model.layers.1.self_attn.k_norm.weight", [128]).Name, ModelTensors.Of(ReadTiny("Qwen3ForCausalLM")).Select(t => t.Name));
    }

    /// <summary>A file that names no class is read by its model_type; one of both must be there, and known.</summary>
    [Theory]
    [InlineData("llama", "LlamaForCausalLM"), InlineData("mistral", "MistralForCausalLM"), InlineData("qwen2", "Qwen2ForCausalLM"), InlineData("qwen3", "Qwen3ForCausalLM")]
    public void TheModelTypeNamesTheClass(string type, string architecture)
    {
        var config = Read(Tiny.Replace("\"architectures\":[\"X\"]", $"\"model_type\":\"{type}\"") + "}");
        Assert.Equal(architecture, config.Architecture);
        foreach (var line in (string[])[$"\"model_type\": \"{type}\"", $"\"{architecture}\""]) Assert.Contains(line, config.ToJson());
        Assert.Contains("'architectures' is missing", Refusal(() => Read(Tiny.Replace("\"architectures\":[\"X\"],", "") + "}")));
        Assert.Contains("names 'gpt2'", Refusal(() => Read(Tiny.Replace("\"architectures\":[\"X\"]", "\"model_type\":\"gpt2\"") + "}")));
    }

    /// <summary>Biases of the attention's inputs, of its output and of the feed-forward: Llama says which, Qwen3 the first two, Qwen2 has the first alone.</summary>
    [Theory]
    [InlineData("LlamaForCausalLM", "", false, false, false)]
    [InlineData("LlamaForCausalLM", "\"attention_bias\":true", true, true, false)]
    [InlineData("LlamaForCausalLM", "\"mlp_bias\":true", false, false, true)]
    [InlineData("MistralForCausalLM", "\"mlp_bias\":true", false, false, false)]
    [InlineData("Qwen2ForCausalLM", "", true, false, false)]
    [InlineData("Qwen3ForCausalLM", "\"mlp_bias\":true", false, false, false)]
    [InlineData("Qwen3ForCausalLM", "\"attention_bias\":true", true, true, false)]
    public void BiasesOfEachFamily(string architecture, string more, bool attention, bool output, bool feedForward)
    {
        var config = ReadTiny(architecture, more);
        Assert.Equal((attention, output, feedForward), (config.AttentionBias, config.OutputBias, config.MlpBias));
    }

    /// <summary>Heads of a given size need not divide the hidden size; the class's own stop id is none where the vocabulary is too small for it.</summary>
    [Fact]
    public void SizesAtTheirBorders()
    {
        var odd = Read(Tiny.Replace("\"X\"", "\"LlamaForCausalLM\"").Replace("hidden_size\":8", "hidden_size\":9") + ",\"head_dim\":6}");
        Assert.Equal((9, 6), (odd.HiddenSize, odd.HeadDim));
        var two = Read(Tiny.Replace("\"X\"", "\"LlamaForCausalLM\"").Replace("vocab_size\":16", "vocab_size\":2") + "}");
        Assert.Equal(1, two.BosId);
        Assert.Empty(two.EosIds);
    }

    [Theory]
    [InlineData("GPT2LMHeadModel", "", "GPT2LMHeadModel")]
    [InlineData("Qwen2ForCausalLM", "\"attention_bias\":false", "'attention_bias' contradicts Qwen2ForCausalLM")]
    [InlineData("MistralForCausalLM", "\"attention_bias\":true", "'attention_bias' contradicts MistralForCausalLM")]
    [InlineData("LlamaForCausalLM", "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0}", "yarn")]
    [InlineData("LlamaForCausalLM", "\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":4.0}", "dynamic")]
    [InlineData("LlamaForCausalLM", "\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}", "'rope_scaling.factor' is 0.5: a stretch is at least 1")]
    [InlineData("LlamaForCausalLM", "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":4.0,\"high_freq_factor\":4.0}", "'rope_scaling.high_freq_factor' is 4, not above low_freq_factor 4")]
    [InlineData("LlamaForCausalLM", "\"hidden_act\":\"gelu\"", "gelu")]
    [InlineData("LlamaForCausalLM", "\"model_type\":\"qwen2\"", "must agree")]
    [InlineData("LlamaForCausalLM", "\"head_dim\":5", "even")]
    [InlineData("LlamaForCausalLM", "\"eos_token_id\":16", "beyond the vocabulary of 16")]
    [InlineData("LlamaForCausalLM", "\"torch_dtype\":\"int8\"", "int8")]
    [InlineData("LlamaForCausalLM", "\"quantization_config\":{}", "quantised")]
    [InlineData("LlamaForCausalLM", "\"partial_rotary_factor\":0.5", "partial_rotary_factor")]
    [InlineData("LlamaForCausalLM", "\"rms_norm_eps\":0", "above 0")]
    [InlineData("LlamaForCausalLM", "\"max_position_embeddings\":\"many\"", "whole number")]
    [InlineData("LlamaForCausalLM", "\"vocab_size\":17", "uplicate")]
    [InlineData("Qwen2ForCausalLM", "\"layer_types\":[\"full_attention\"]", "'layer_types' has 1 entries for 2 layers")]
    [InlineData("Qwen3ForCausalLM", "\"layer_types\":[\"full_attention\",\"linear_attention\"]", "'layer_types' names 'linear_attention'")]
    [InlineData("MistralForCausalLM", "\"sliding_window\":7,\"layer_types\":[\"full_attention\",\"sliding_attention\"]", "'layer_types' does not fit sliding_window of MistralForCausalLM")]
    [InlineData("MistralForCausalLM", "\"sliding_window\":null,\"layer_types\":[\"full_attention\",\"sliding_attention\"]", "'layer_types' does not fit sliding_window")]
    public void RefusesByName(string architecture, string more, string named)
    {
        var message = Refusal(() => ReadTiny(architecture, more));
        Assert.StartsWith("config.json: ", message);
        Assert.Contains(named, message);
    }

    [Theory]
    [InlineData("num_hidden_layers\":2", "num_hidden_layers\":1000000000", "1,000,000,000")]
    [InlineData("num_key_value_heads\":2", "num_key_value_heads\":3", "does not divide the 4 query heads")]
    [InlineData("num_hidden_layers\":2", "num_hidden_layers\":-1", "-1")]
    [InlineData("hidden_size\":8", "hidden_size\":9", "does not divide hidden_size 9")]
    [InlineData("\"vocab_size\":16,", "", "'vocab_size' is missing")]
    [InlineData("vocab_size\":16", "vocab_size\":1e400", "whole number")]
    public void RefusesImpossibleShapes(string what, string instead, string named) =>
        Assert.Contains(named, Refusal(() => Read(Tiny.Replace("\"X\"", "\"LlamaForCausalLM\"").Replace(what, instead) + "}")));

    [Fact]
    public void RefusesBrokenFiles()
    {
        Assert.Contains("no such file", Refusal(() => ModelConfig.Load("/nowhere")));
        Assert.Contains("array", Refusal(() => Read("[]")));
        Assert.Contains("not usable JSON", Refusal(() => Read("{")));
        Assert.Contains("not usable JSON", Refusal(() => Read(string.Concat(Enumerable.Repeat("{\"a\":", 100_000)))));
        Assert.Contains("first bad byte at 2", Refusal(() => ModelConfig.Parse([(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)'}'])));
    }
}
