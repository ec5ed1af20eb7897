using System.Text;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

/// <summary>
/// The config files of the published models, as their repositories spell them (keys that matter): each is read, calls for exactly the published number of
/// parameters, and costs the KV bytes of its heads.
/// </summary>
public class FamilyTests
{
    private const string Llama2 = """ "architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","hidden_size":4096,"initializer_range":0.02,"intermediate_size":11008,"max_position_embeddings":4096,"num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":32,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":null,"tie_word_embeddings":false,"torch_dtype":"float16","use_cache":true,"vocab_size":32000,"bos_token_id":1,"eos_token_id":2 """;
    private const string Llama3 = """ "architectures":["LlamaForCausalLM"],"model_type":"llama","attention_bias":false,"attention_dropout":0.0,"bos_token_id":128000,"eos_token_id":128001,"hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":8192,"num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":500000.0,"tie_word_embeddings":false,"torch_dtype":"bfloat16","vocab_size":128256 """;
    private const string Llama32 = """ "architectures":["LlamaForCausalLM"],"model_type":"llama","attention_bias":false,"bos_token_id":128000,"eos_token_id":[128001,128008,128009],"head_dim":64,"hidden_act":"silu","hidden_size":2048,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,"num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},"rope_theta":500000.0,"tie_word_embeddings":true,"torch_dtype":"bfloat16","vocab_size":128256 """;
    private const string Mistral = """ "architectures":["MistralForCausalLM"],"model_type":"mistral","attention_dropout":0.0,"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":32768,"num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"tie_word_embeddings":false,"torch_dtype":"bfloat16" """;
    private const string Qwen25 = """ "architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151643,"hidden_act":"silu","max_position_embeddings":32768,"max_window_layers":24,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,"torch_dtype":"bfloat16","use_cache":true,"use_mrope":false,"use_sliding_window":false """;
    private const string Qwen3 = """ "architectures":["Qwen3ForCausalLM"],"model_type":"qwen3","attention_bias":false,"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,"head_dim":128,"hidden_act":"silu","max_position_embeddings":40960,"max_window_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"torch_dtype":"bfloat16","use_sliding_window":false,"vocab_size":151936 """;

    public static TheoryData<string, string, long, long> Published => new()
    {
        // model, config, parameters, KV bytes per token in 2-byte numbers
        { "Llama-2-7B", Llama2, 6_738_415_616, 524_288 },
        { "Meta-Llama-3-8B", Llama3, 8_030_261_248, 131_072 },
        { "Llama-3.2-1B", Llama32, 1_235_814_400, 32_768 },
        { "Mistral-7B-v0.1", Mistral + ""","rope_theta":10000.0,"sliding_window":4096,"vocab_size":32000""", 7_241_732_096, 131_072 },
        { "Mistral-7B-Instruct-v0.2", Mistral + ""","rope_theta":1000000.0,"sliding_window":null,"vocab_size":32000""", 7_241_732_096, 131_072 },
        { "Mistral-7B-v0.3", Mistral + ""","rope_theta":1000000.0,"sliding_window":null,"vocab_size":32768""", 7_248_023_552, 131_072 },
        { "Qwen2.5-0.5B", Qwen25 + ""","hidden_size":896,"intermediate_size":4864,"num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"tie_word_embeddings":true,"vocab_size":151936""", 494_032_768, 12_288 },
        { "Qwen2.5-7B", Qwen25 + ""","hidden_size":3584,"intermediate_size":18944,"num_attention_heads":28,"num_hidden_layers":28,"num_key_value_heads":4,"tie_word_embeddings":false,"vocab_size":152064""", 7_615_616_512, 57_344 },
        { "Qwen3-0.6B", Qwen3 + ""","hidden_size":1024,"intermediate_size":3072,"num_attention_heads":16,"num_hidden_layers":28,"tie_word_embeddings":true""", 596_049_920, 114_688 },
        { "Qwen3-8B", Qwen3 + ""","hidden_size":4096,"intermediate_size":12288,"num_attention_heads":32,"num_hidden_layers":36,"tie_word_embeddings":false""", 8_190_735_360, 147_456 },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void CallsForThePublishedParameters(string model, string json, long parameters, long bytes)
    {
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes("{" + json + "}"));
        Assert.Equal((model, parameters, bytes), (model, ModelTensors.ParameterCount(config), config.KvBytesPerToken(2)));
        Assert.Equal(model == "Mistral-7B-v0.1" ? 4096 : null, config.WindowOf(0));
        Assert.Equal(bytes * config.Group, config.KvBytesPerTokenByQueryHead(2));
    }

    /// <summary>The same model as newer versions of Hugging Face's library write it: dtype, rope_parameters and layer_types instead of the older keys.</summary>
    [Fact]
    public void ReadsTheNewerSpelling()
    {
        var older = ModelConfig.Parse(Encoding.UTF8.GetBytes("{" + Llama32 + "}"));
        var newer = ModelConfig.Parse(Encoding.UTF8.GetBytes("{" + Llama32
            .Replace("\"torch_dtype\"", "\"dtype\"").Replace(",\"rope_theta\":500000.0", "")
            .Replace("\"rope_scaling\":{", "\"rope_parameters\":{\"rope_theta\":500000.0,") + ",\"layer_types\":[" + string.Join(',', Enumerable.Repeat("\"full_attention\"", 16)) + "]}"));
        Assert.Equal(older.ToJson(), newer.ToJson());
    }
}
