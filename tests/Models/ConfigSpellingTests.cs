using System.Text;
using HeadKvLab.Kernels;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

/// <summary>What a config.json means where it spells one setting twice, nests it, leaves it out or says null: the values are those of Hugging Face's library (transformers 5).</summary>
public class ConfigSpellingTests
{
    private const string Shape = """ "vocab_size":32,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":4,"max_position_embeddings":128 """;
    private const string Llama3 = "\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0";

    private static ModelConfig Read(string family, string more, string shape = Shape) =>
        ModelConfig.Parse(Encoding.UTF8.GetBytes($"{{\"architectures\":[\"{family}ForCausalLM\"],{shape}{(more == "" ? "" : "," + more)}}}"));

    private static string Refusal(string family, string more, string shape = Shape) => Assert.Throws<LabException>(() => Read(family, more, shape)).Message;

    [Theory]
    [InlineData("\"rope_theta\":500000.0,\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":20000.0}", 20_000)]           // inside before the top level
    [InlineData("\"rope_theta\":500000.0,\"rope_parameters\":{\"rope_type\":\"default\"}", 500_000)]
    [InlineData("\"rope_theta\":500000.0,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":4.0,\"rope_theta\":20000.0}", 20_000)]
    [InlineData("\"rope_theta\":500000.0,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":4.0},\"rope_parameters\":{\"rope_theta\":20000.0}", 500_000)]   // rope_scaling replaces the other as a whole
    [InlineData("\"rope_scaling\":{\"rope_type\":\"default\"},\"rope_parameters\":{\"rope_theta\":20000.0}", 10_000)]
    [InlineData("\"rope_scaling\":{},\"rope_parameters\":{\"rope_theta\":20000.0}", 20_000)]                                              // unless it is empty
    [InlineData("\"rope_scaling\":null,\"rope_parameters\":{\"rope_theta\":20000.0}", 20_000)]
    [InlineData("\"rope_parameters\":{}", 10_000)]
    [InlineData("\"rope_parameters\":null,\"rope_theta\":20000.0", 20_000)]
    [InlineData("", 10_000)]
    public void ThetaStandsInTwoPlaces(string more, double theta) => Assert.Equal(theta, Read("Llama", more).RopeTheta);

    public static TheoryData<string, RopeScaling?> Scalings => new()
    {
        { "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":10000.0},\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":4.0}", new LinearRopeScaling(4) },
        { "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2.0},\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}", new LinearRopeScaling(4) },
        { "\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":1.0}", new LinearRopeScaling(1) },
        { "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2.0},\"rope_scaling\":null", new LinearRopeScaling(2) },
        { "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2.0},\"rope_scaling\":{\"rope_type\":\"default\"}", null },
        { "\"rope_scaling\":{\"rope_type\":\"llama3\",\"type\":\"linear\",\"original_max_position_embeddings\":64," + Llama3 + "}", new Llama3RopeScaling(8, 1, 4, 64) },
        { "\"rope_scaling\":{\"type\":\"llama3\",\"rope_type\":\"linear\",\"factor\":3.0}", new LinearRopeScaling(3) },
        { "\"rope_scaling\":{\"type\":\"linear\",\"rope_type\":\"default\",\"factor\":3.0}", null },
        { "\"rope_parameters\":{\"rope_theta\":20000.0,\"partial_rotary_factor\":1.0}", null },                 // of the whole head
        { "\"rope_scaling\":{\"rope_type\":\"llama3\"," + Llama3 + "}", new Llama3RopeScaling(8, 1, 4, 128) },   // max_position_embeddings
        { "\"original_max_position_embeddings\":32,\"rope_scaling\":{\"rope_type\":\"llama3\",\"original_max_position_embeddings\":64," + Llama3 + "}", new Llama3RopeScaling(8, 1, 4, 32) },
    };

    [Theory]
    [MemberData(nameof(Scalings))]
    public void TheRuleStandsInTwoPlaces(string more, RopeScaling? scaling) => Assert.Equal(scaling, Read("Llama", more).RopeScaling);

    private const string Both = "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\",\"rope_theta\":1000000.0},\"sliding_attention\":{\"rope_type\":\"linear\",\"factor\":2.0,\"rope_theta\":20000.0}}";

    /// <summary>Rules by layer type: those of the types that the layers have.</summary>
    [Fact]
    public void RulesByLayerTypeAreRead()
    {
        var full = Read("Qwen3", Both + ",\"layer_types\":[\"full_attention\",\"full_attention\"]");
        Assert.Equal((1e6, null), (full.RopeTheta, full.RopeScaling));
        Assert.Equal(1e6, Read("Llama", Both).RopeTheta);
        var sliding = Read("Mistral", Both);   // every layer slides
        Assert.Equal((2e4, new LinearRopeScaling(2)), (sliding.RopeTheta, sliding.RopeScaling));
        Assert.Equal(7e5, Read("Qwen2", "\"rope_theta\":700000.0,\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}").RopeTheta);
        const string mixed = ",\"use_sliding_window\":true,\"sliding_window\":4,\"max_window_layers\":1";
        var equal = Read("Qwen2", "\"rope_parameters\":{\"full_attention\":{\"rope_theta\":5e5},\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":500000}}" + mixed);
        Assert.Equal(5e5, equal.RopeTheta);
        Assert.Equal("config.json: 'rope_parameters.sliding_attention' differs from the rule of full_attention layers: this lab computes one rope rule for all layers", Refusal("Qwen2", Both + mixed));
    }

    [Theory]
    [InlineData("\"rope_parameters\":{\"sliding_attention\":{\"rope_theta\":5e5}}", "'rope_parameters.full_attention' has no rope rule")]
    [InlineData("\"rope_parameters\":{\"full_attention\":null}", "'rope_parameters.full_attention' has no rope rule")]
    [InlineData("\"rope_parameters\":{\"full_attention\":{\"rope_theta\":5e5},\"rope_theta\":10000.0}", "'rope_parameters.rope_theta' stands where rules for")]
    [InlineData("\"rope_parameters\":{\"global\":{\"rope_theta\":5e5}}", "'rope_parameters.global' stands where rules for")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":{\"base\":5e5}}", "'rope_parameters.rope_type' stands where rules for")]
    [InlineData("\"rope_scaling\":{\"factor\":4.0}", "'rope_scaling.rope_type' is missing")]
    [InlineData("\"rope_parameters\":{\"rope_theta\":1e6,\"long_factor\":[1.0]}", "'rope_parameters.rope_type' is missing")]
    [InlineData("\"rope_parameters\":{\"rope_type\":null,\"type\":\"linear\",\"factor\":4.0}", "'rope_parameters.rope_type' is null")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":null},\"rope_theta\":20000.0", "'rope_parameters.rope_theta' is null")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}", "'rope_parameters.partial_rotary_factor' is 0.5")]
    [InlineData("\"rope_parameters\":[1]", "'rope_parameters' is [1] where an object is expected")]
    [InlineData("\"rope_theta\":null", "'rope_theta' is null")]
    [InlineData("\"per_layer_config\":{\"0\":{\"head_dim\":8}}", "'per_layer_config' is set")]
    [InlineData("\"transformers_weights\":\"other.safetensors\"", "'transformers_weights' names another file")]
    public void WhatIsNotUnderstoodIsNotTheDefault(string more, string named) => Assert.StartsWith("config.json: " + named, Refusal("Llama", more));

    [Theory]
    [InlineData("\"dtype\":\"bfloat16\",\"torch_dtype\":\"float16\"", NumberFormat.BFloat16)]
    [InlineData("\"torch_dtype\":\"bfloat16\",\"dtype\":\"float32\"", NumberFormat.Float32)]
    [InlineData("\"dtype\":null,\"torch_dtype\":\"float16\"", NumberFormat.Float16)]
    [InlineData("\"torch_dtype\":null", NumberFormat.Float32)]
    public void DtypeStandsBeforeTorchDtype(string more, NumberFormat type) => Assert.Equal(type, Read("Llama", more).StorageType);

    /// <summary>Null is "no window"; absent is 4,096.</summary>
    [Theory]
    [InlineData("Qwen2", "\"use_sliding_window\":true,\"sliding_window\":null,\"max_window_layers\":1", null)]
    [InlineData("Qwen3", "\"use_sliding_window\":true,\"sliding_window\":null,\"max_window_layers\":0", null)]
    [InlineData("Qwen2", "\"use_sliding_window\":true,\"max_window_layers\":1", 4096)]
    [InlineData("Qwen2", "\"use_sliding_window\":true,\"sliding_window\":7,\"max_window_layers\":1", 7)]
    [InlineData("Qwen2", "\"use_sliding_window\":false,\"sliding_window\":7,\"max_window_layers\":1", null)]
    [InlineData("Qwen2", "\"use_sliding_window\":true,\"sliding_window\":7", null)]      // from layer 28 on
    [InlineData("Qwen2", "\"use_sliding_window\":true,\"sliding_window\":7,\"max_window_layers\":1,\"layer_types\":null", 7)]
    [InlineData("Mistral", "\"sliding_window\":null", null)]
    [InlineData("Qwen2", "\"use_sliding_window\":true,\"sliding_window\":7,\"max_window_layers\":0", 7)]
    [InlineData("Qwen2", "\"sliding_window\":7,\"max_window_layers\":1", null)]     // use_sliding_window is false where it is absent
    [InlineData("Llama", "\"use_sliding_window\":true,\"sliding_window\":7,\"max_window_layers\":0", null)]
    [InlineData("Mistral", "", 4096)]
    [InlineData("Mistral", "\"sliding_window\":7,\"layer_types\":[\"sliding_attention\",\"sliding_attention\"]", 7)]
    [InlineData("Mistral", "\"sliding_window\":null,\"layer_types\":[\"full_attention\",\"full_attention\"]", null)]
    public void NullIsNoWindow(string family, string more, int? window) => Assert.Equal(window, Read(family, more).WindowOf(1));

    [Fact]
    public void LayersThatSlideNeedAWindow() =>
        Assert.Contains("'layer_types' names sliding layers", Refusal("Qwen2", "\"use_sliding_window\":true,\"sliding_window\":null,\"layer_types\":[\"full_attention\",\"sliding_attention\"]"));

    [Theory]
    [InlineData("Llama", "", 1, new[] { 2 })]
    [InlineData("Mistral", "", 1, new[] { 2 })]
    [InlineData("Qwen2", "", null, new int[0])]
    [InlineData("Qwen3", "", null, new int[0])]
    [InlineData("Llama", "\"bos_token_id\":null,\"eos_token_id\":null", null, new int[0])]
    [InlineData("Mistral", "\"bos_token_id\":5,\"eos_token_id\":[6,7]", 5, new[] { 6, 7 })]
    public void SpecialTokensThatAreAbsentOrNull(string family, string more, int? bos, int[] eos)
    {
        var config = Read(family, more);
        Assert.Equal((bos, string.Join(',', eos)), (config.BosId, string.Join(',', config.EosIds)));
        var again = ModelConfig.Parse(Encoding.UTF8.GetBytes(config.ToJson()));
        Assert.Equal((bos, string.Join(',', eos)), (again.BosId, string.Join(',', again.EosIds)));
    }

    private const string NoHeads = """ "vocab_size":32,"hidden_size":64,"intermediate_size":8,"num_hidden_layers":2,"num_attention_heads":32,"max_position_embeddings":128 """;

    [Theory]
    [InlineData("Llama", "", 32, 2)]
    [InlineData("Llama", "\"num_key_value_heads\":null,\"head_dim\":null", 32, 2)]
    [InlineData("Mistral", "\"head_dim\":null", 8, 2)]
    [InlineData("Qwen2", "\"num_key_value_heads\":null", 32, 2)]
    [InlineData("Qwen2", "", 32, 2)]
    [InlineData("Qwen3", "\"num_key_value_heads\":null", 32, 128)]
    public void HeadsThatAreAbsentOrNull(string family, string more, int kvHeads, int dim)
    {
        var config = Read(family, more, NoHeads);
        Assert.Equal((kvHeads, dim), (config.KvHeads, config.HeadDim));
    }

    /// <summary>Keys for which the family's class has a default, but no meaning of null.</summary>
    [Theory]
    [InlineData("Llama", "rms_norm_eps")]
    [InlineData("Llama", "tie_word_embeddings")]
    [InlineData("Llama", "hidden_act")]
    [InlineData("Llama", "attention_bias")]
    [InlineData("Llama", "mlp_bias")]
    [InlineData("Mistral", "num_key_value_heads")]
    [InlineData("Qwen2", "use_sliding_window")]
    [InlineData("Qwen2", "max_window_layers")]
    [InlineData("Qwen2", "head_dim")]
    [InlineData("Qwen3", "head_dim")]
    [InlineData("Qwen3", "attention_bias")]
    public void NullWithoutAMeaningIsRefused(string family, string key) =>
        Assert.StartsWith($"config.json: '{key}' is null, which {family}ForCausalLM gives no meaning", Refusal(family, $"\"{key}\":null", NoHeads));

    [Theory]
    [InlineData("max_position_embeddings\":128", "max_position_embeddings")]
    [InlineData("intermediate_size\":8", "intermediate_size")]
    public void NullSizesAreRefused(string pair, string key) =>
        Assert.StartsWith($"config.json: '{key}' is null", Refusal("Llama", "", Shape.Replace(pair, key + "\":null")));
}
