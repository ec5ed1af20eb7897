using System.Text;
using HeadKvLab.Cache;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>Layers whose keys and values are projected from an earlier layer's input.</summary>
public sealed class KvInputTests
{
    private static readonly ModelConfig Config = new() { Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 5, QueryHeads = 4, KvHeads = 2, HeadDim = 32, MaxPositions = 256, KvInputs = [0, 1, 1, 1, 4] };
    private static readonly int[] Prompt = [.. Enumerable.Range(0, 90).Select(i => i * 37 % 97)];

    /// <summary>Layers 2 and 3 project the input of layer 1: the definition, layer by layer, against a prefill, a batch as in training, and decoding on both paths.</summary>
    [Fact]
    public void Keys_and_values_come_from_the_named_input()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var decoder = RandomModel.Create(Config);
        foreach (var weight in decoder.parameters()) weight.mul_(3);
        var x = decoder.Model.embed_tokens.forward(tensor(PromptChecks.Widen(Prompt), 1, Prompt.Length));
        var rotation = decoder.Rotary.At(arange(0, Prompt.Length, ScalarType.Int64).unsqueeze(0));
        Tensor first = x;
        foreach (var layer in decoder.Model.layers)
        {
            var normed = layer.input_layernorm.forward(x);
            if (layer.Index == 1) first = normed;
            var source = layer.Index is 2 or 3 ? first : normed;
            Tensor Heads(Projection projection, Tensor of) => projection.forward(of).view(1, Prompt.Length, -1, 32);
            Tensor q = rotation.Apply(Heads(layer.self_attn.q_proj, normed)).transpose(1, 2), k = rotation.Apply(Heads(layer.self_attn.k_proj, source)).transpose(1, 2), v = Heads(layer.self_attn.v_proj, source).transpose(1, 2);
            x = x + layer.self_attn.o_proj.forward(PromptAttention.ByTensors(q, k, v, layer.self_attn.Scale, null).Mixed.transpose(1, 2).reshape(1, Prompt.Length, -1));
            x = x + layer.mlp.forward(layer.post_attention_layernorm.forward(x));
        }
        var expected = decoder.Logits(decoder.Model.norm.forward(x))[0];
        Near(expected, decoder.Prefill(Prompt, allLogits: true));
        Near(expected, decoder.Logits(decoder.Hidden(tensor(PromptChecks.Widen(Prompt), 1, Prompt.Length), arange(0, Prompt.Length, ScalarType.Int64).unsqueeze(0)))[0]);
        using RaggedCache cache = new(new(5, 2, 32)), other = new(new(5, 2, 32));
        decoder.Prefill(Prompt.AsSpan(0, 60), cache);
        decoder.Prefill(Prompt.AsSpan(0, 60), other);
        using DecodeStep step = new(decoder, batch: 2), session = step.Session();
        using var grouped = new GroupedCache(other, CPU, ScalarType.Float32, 40);
        var byTensors = new TensorDecodeStep(decoder);
        for (var t = 60; t < Prompt.Length; t++)
        {
            Near(expected[t], tensor(session.Run(Prompt[t], cache).ToArray()));
            Near(expected[t], tensor(byTensors.Run(Prompt[t], grouped)));
        }
        using var plain = RandomModel.Create(Config with { KvInputs = [] });
        foreach (var weight in plain.parameters()) weight.mul_(3);
        Assert.True((expected - plain.Prefill(Prompt, allLogits: true)).abs().max().item<float>() > 1e-2);

        static void Near(Tensor expected, Tensor found) => Assert.InRange((expected - found).abs().max().item<float>(), 0, 2e-4f);
    }

    /// <summary>Each layer its own: the same bits as without the list.</summary>
    [Fact]
    public void Own_inputs_change_nothing()
    {
        using var scope = NewDisposeScope();
        using HeadKvLab.Models.Decoder named = RandomModel.Create(Config with { KvInputs = [0, 1, 2, 3, 4] }), plain = RandomModel.Create(Config with { KvInputs = [] });
        using RaggedCache a = new(new(5, 2, 32)), b = new(new(5, 2, 32));
        Assert.Equal(plain.Prefill(Prompt, a).data<float>().ToArray(), named.Prefill(Prompt, b).data<float>().ToArray());
        using DecodeStep first = new(plain), second = new(named);
        for (var t = 0; t < 5; t++) Assert.Equal(first.Run(t, a).ToArray(), second.Run(t, b).ToArray());
    }

    /// <summary>The file names an architecture that other libraries do not know, and the key and the name go together.</summary>
    [Fact]
    public void A_config_is_read_as_written_and_refused_halved()
    {
        var text = Config.ToJson();
        Assert.Contains("LlamaLatentForCausalLM", text);
        var read = ModelConfig.Parse(Encoding.UTF8.GetBytes(text));
        Assert.Equal((text, "LlamaForCausalLM"), (read.ToJson(), read.Architecture));
        Assert.Equal(Config.KvInputs, read.KvInputs);
        static string Refused(string text) => Assert.Throws<LabException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(text))).Message;
        Assert.Contains("'kv_input_layers' goes with architectures", Refused(text.Replace("LlamaLatentForCausalLM", "LlamaForCausalLM").Replace("llamalatent", "llama")));
        Assert.Contains("'kv_input_layers' goes with architectures", Refused(text.Replace("kv_input_layers", "kv_inputs")));
        var (from, compact) = ("[\n    0,\n    1,\n    1,\n    1,\n    4\n  ]", text);
        Assert.Contains(from, compact);
        foreach (var wrong in (string[])["[0, 1, 1, 2, 4]", "[0, 1, 2, 3]", "[1, 1, 2, 3, 4]"]) Assert.Contains("must name for each of the 5 layers itself, or an earlier layer that names itself", Refused(compact.Replace(from, wrong)));
    }
}
