using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>Tensors that a checkpoint holds although the configuration implies them, and tensors that an index names although nobody needs them.</summary>
public sealed class SpareTensorTests : IDisposable
{
    private const string Frequencies = "model.layers.1.self_attn.rotary_emb.inv_freq", Index = "model.safetensors.index.json";
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> weights;

    private static readonly ModelConfig Tied = new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 32, HiddenSize = 8, IntermediateSize = 8, Layers = 2, QueryHeads = 2, KvHeads = 1, HeadDim = 4, MaxPositions = 32, TieEmbeddings = true,
    };

    public SpareTensorTests()
    {
        manual_seed(4);
        weights = ModelTensors.Of(Tied).ToDictionary(t => t.Name, t => randn(t.Shape));
    }

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    private void Save(ModelConfig config, params (string Name, Tensor Values)[] more)
    {
        config.Save(files.Folder);
        SafetensorsWriter.Write(files.Path("model.safetensors"), weights.Select(w => (w.Key, w.Value)).Concat(more));
    }

    private float[] Logits(out bool tied)
    {
        using var folder = ModelFolder.Open(files.Folder);
        using var decoder = folder.LoadDecoder();
        tied = decoder.Config.TieEmbeddings;
        return decoder.Prefill([3, 1, 4]).data<float>().ToArray();
    }

    /// <summary>What <c>lab model show</c> prints, white space as single blanks.</summary>
    private string Shown() => string.Join(' ', Child.Output(files.Folder, "dotnet", Repository.Path("bin", "HeadKvLab.dll"), "model", "show", files.Folder).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private string Refusal() => Assert.Throws<LabException>(() => ModelFolder.Open(files.Folder).Dispose()).Message;

    /// <summary>The configuration ties the output to the embedding, the file holds another matrix: as in Hugging Face's library, the file's own is computed with.</summary>
    [Fact]
    public void AnotherOutputMatrixIsNotTied()
    {
        var own = randn(32, 8);
        Save(Tied with { TieEmbeddings = false }, (ModelTensors.Output, own));
        var expected = Logits(out var tied);
        Assert.False(tied);
        Save(Tied, (ModelTensors.Output, own));
        Assert.Equal(expected, Logits(out tied));
        Assert.False(tied);
        Assert.Contains("vocabulary 32, output not tied: config.json ties it, but the weights hold another lm_head", Shown());
        Save(Tied, (ModelTensors.Output, weights[ModelTensors.Embedding].clone()));
        Assert.Contains("vocabulary 32, output tied to the embedding", Shown());
        var equal = Logits(out tied);
        Assert.True(tied);
        Save(Tied);
        Assert.Equal(equal, Logits(out tied));
        Assert.NotEqual(expected, equal);

        var last = weights[ModelTensors.Embedding].clone();   // one value, the last, differs
        last[31, 7] += 1;
        Save(Tied, (ModelTensors.Output, last));
        Assert.NotEqual(equal[31], Logits(out tied)[31]);
        Assert.False(tied);
        Save(Tied, (ModelTensors.Output, weights[ModelTensors.Embedding].to(ScalarType.BFloat16)));   // as near as bfloat16: not the same matrix
        Logits(out tied);
        Assert.False(tied);
        Save(Tied, (ModelTensors.Output, ones(31, 8)));
        Assert.Contains("'lm_head.weight' has shape [31, 8], config.json calls for [32, 8]", Refusal());
    }

    /// <summary>A matrix of several blocks differs in its last value only.</summary>
    [Fact]
    public void EveryBlockIsCompared()
    {
        var wide = Tied with { VocabSize = 40_000 };
        weights[ModelTensors.Embedding] = ones(40_000, 8);
        var other = ones(40_000, 8);
        other[39_999, 7] = 2;
        Save(wide, (ModelTensors.Output, other));
        using (var folder = ModelFolder.Open(files.Folder)) Assert.False(folder.Config.TieEmbeddings);
        Save(wide, (ModelTensors.Output, ones(40_000, 8)));
        using (var folder = ModelFolder.Open(files.Folder)) Assert.True(folder.Config.TieEmbeddings);
    }

    public static TheoryData<RopeScaling?, ScalarType, float[], bool> Stored => new()
    {
        // theta 10,000, dimension 4: frequencies 1 and 0.01
        { null, ScalarType.Float32, [1, 0.01f], true },
        { null, ScalarType.Float16, [1, 0.01f], true },
        { null, ScalarType.BFloat16, [1, 0.01f], true },
        { new LinearRopeScaling(4), ScalarType.Float32, [0.25f, 0.0025f], true },
        { new LinearRopeScaling(4), ScalarType.Float32, [1, 0.01f], true },       // older versions scaled the positions instead
        { new LinearRopeScaling(4), ScalarType.Float32, [0.5f, 0.005f], false },
        { null, ScalarType.Float32, [1, 0.001f], false },                         // theta 1,000,000
        { null, ScalarType.BFloat16, [1, 0.0125f], false },
        { null, ScalarType.Float32, [1], false },
        { null, ScalarType.Int32, [1, 0], false },
    };

    [Theory]
    [MemberData(nameof(Stored))]
    public void FrequenciesAreThoseOfTheConfiguration(RopeScaling? scaling, ScalarType type, float[] stored, bool good)
    {
        Save(Tied with { RopeScaling = scaling }, (Frequencies, tensor(stored).to(type)));
        if (good) ModelFolder.Open(files.Folder).Dispose();
        else Assert.Contains($"model.safetensors: tensor '{Frequencies}' holds other rotary frequencies than config.json describes", Refusal());
    }

    /// <summary>An index may name a tied output matrix, or frequencies, that no shard holds; a tensor that is needed must be where it says.</summary>
    [Fact]
    public void AnIndexMayNameWhatNobodyNeeds()
    {
        Shards(Tied, ModelTensors.Output, Frequencies);
        using (var folder = ModelFolder.Open(files.Folder)) Assert.True(folder.Config.TieEmbeddings);
        Shards(Tied with { TieEmbeddings = false }, ModelTensors.Output);
        Assert.Contains("says that 'one.safetensors' holds 'lm_head.weight', but it does not", Refusal());
        weights.Remove(ModelTensors.FinalNorm);
        Shards(Tied, ModelTensors.FinalNorm);
        Assert.Contains("says that 'one.safetensors' holds 'model.norm.weight', but it does not", Refusal());

        void Shards(ModelConfig config, params string[] alsoNamed)
        {
            config.Save(files.Folder);
            SafetensorsWriter.Write(files.Path("one.safetensors"), weights.Select(w => (w.Key, w.Value)));
            files.Write(Index, "{\"weight_map\":{" + string.Join(',', weights.Keys.Concat(alsoNamed).Select(name => $"\"{name}\":\"one.safetensors\"")) + "}}");
        }
    }

    [Fact]
    public void AnAdapterBesideTheWeightsIsRefused()
    {
        Save(Tied);
        ModelFolder.Open(files.Folder).Dispose();
        files.Write("adapter_config.json", "{}");
        Assert.Contains("adapter_config.json: the folder holds an adapter", Refusal());
    }
}
