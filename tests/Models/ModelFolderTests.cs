using HeadKvLab.Kernels;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

public sealed class ModelFolderTests : IDisposable
{
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = NewDisposeScope();

    private static readonly ModelConfig Config = new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 16, HiddenSize = 8, IntermediateSize = 12, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 2, MaxPositions = 32,
    };

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    private static Tensor Random(string name) => randn(ModelTensors.Of(Config).First(t => t.Name == name).Shape);

    private string Refusal()
    {
        var message = Assert.Throws<LabException>(() => ModelFolder.Open(files.Folder).Dispose()).Message;
        Assert.StartsWith(files.Folder, message);
        return message;
    }

    /// <summary>Writes the weights into two shards with an index, each tensor where <paramref name="shardOf"/> puts it.</summary>
    private void WriteShards(Func<string, string> shardOf, Func<string, string>? indexed = null)
    {
        Config.Save(files.Folder);
        var names = ModelTensors.Of(Config).Select(t => t.Name).ToArray();
        foreach (var shard in names.GroupBy(shardOf)) SafetensorsWriter.Write(files.Path(shard.Key), shard.Select(name => (name, Random(name))));
        var map = string.Join(",", names.Select(name => $"\"{name}\":\"{(indexed ?? shardOf)(name)}\""));
        files.Write("model.safetensors.index.json", "{\"metadata\":{},\"weight_map\":{" + map + "}}");
    }

    private static string ByLayer(string name) => name.Contains("layers.1") ? "two.safetensors" : "one.safetensors";

    [Fact]
    public void SavesAndLoads()
    {
        var weights = ModelTensors.Of(Config).ToDictionary(t => t.Name, t => randn(t.Shape));
        ModelFolder.Save(files.Folder, Config with { StorageType = NumberFormat.BFloat16 }, name => weights[name]);
        using var folder = ModelFolder.Open(files.Folder);
        Assert.Equal(ModelTensors.ParameterCount(Config) * 2, folder.WeightBytes);
        foreach (var (name, expected) in weights)
            Assert.True(allclose(expected, folder.Load(name, ScalarType.Float32), rtol: 0.01), name);
    }

    /// <summary>An embedding of three fifths of this machine's memory in bfloat16, which is a hole in the file: as float32 it does not fit.</summary>
    [Fact]
    public void AConversionThatCannotFitIsRefusedBeforeItBegins()
    {
        Requires.Linux("a file of that size is a hole on Linux only");
        var there = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var config = Config with { HiddenSize = 4096, VocabSize = (int)(there / 5 * 3 / 2 / 4096), TieEmbeddings = true, StorageType = NumberFormat.BFloat16 };
        config.Save(files.Folder);
        var at = 0L;
        var header = new System.Text.Json.Nodes.JsonObject();
        foreach (var tensor in ModelTensors.Of(config))
            header.Add(tensor.Name, System.Text.Json.Nodes.JsonNode.Parse($$"""{"dtype":"BF16","shape":[{{string.Join(',', tensor.Shape)}}],"data_offsets":[{{at}},{{at += 2 * tensor.Count}}]}"""));
        var text = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        using (var stream = File.Create(files.Path("model.safetensors")))
        {
            stream.Write([.. BitConverter.GetBytes((long)text.Length), .. text]);
            stream.SetLength(8 + text.Length + at);
        }
        using var folder = ModelFolder.Open(files.Folder);
        var before = Environment.WorkingSet;
        var message = Assert.Throws<LabException>(() => folder.LoadDecoder(ScalarType.Float32)).Message;
        Assert.Matches(@"^.*: its weights as Float32 take \d+\.\d GB, this machine has \d+\.\d GB: take them as they are stored \(BF16; --type stored\)", message);
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 200_000_000);
    }

    /// <summary>All bytes of the weights, file after file by name: of "a" and "bc" the beginning of SHA-256 of "abc". Other files do not count.</summary>
    [Fact]
    public void TheHashIsThatOfTheWeights()
    {
        foreach (var (name, text) in ((string, string)[])[("2.safetensors", "bc"), ("1.safetensors", "a"), ("0.json", "x")]) files.Write(name, text);
        Assert.Equal("ba7816bf8f01cfea", LanguageModel.HashOf(files.Folder));
        Assert.StartsWith("/nowhere: no such model folder", Assert.Throws<LabException>(() => LanguageModel.Load("/nowhere")).Message);
    }

    [Fact]
    public void ReadsShards()
    {
        WriteShards(ByLayer);
        using var folder = ModelFolder.Open(files.Folder);
        foreach (var (name, shape) in ModelTensors.Of(Config)) Assert.Equal(shape, folder.Load(name).shape);
    }

    [Theory]
    [InlineData("../one.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("sub/one.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("a\\\\b")]
    public void RefusesShardsOutsideTheFolder(string shard)
    {
        WriteShards(ByLayer, name => name == ModelTensors.FinalNorm ? shard : ByLayer(name));
        Assert.Contains("not a plain file name", Refusal());
    }

    [Fact]
    public void RefusesShardsThatDoNotFit()
    {
        WriteShards(ByLayer, name => name == ModelTensors.FinalNorm ? "three.safetensors" : ByLayer(name));
        Assert.Contains("'three.safetensors', which is not in the folder", Refusal());
        WriteShards(ByLayer, name => name == ModelTensors.FinalNorm ? "two.safetensors" : ByLayer(name));
        Assert.Contains("says that 'two.safetensors' holds 'model.norm.weight', but it does not", Refusal());
        WriteShards(ByLayer);
        SafetensorsWriter.Write(files.Path("two.safetensors"), ModelTensors.Of(Config).Where(t => t.Name.Contains("layers.1") || t.Name == ModelTensors.FinalNorm).Select(t => (t.Name, Random(t.Name))));
        Assert.Contains("'model.norm.weight' also stands in", Refusal());
        files.Write("model.safetensors.index.json", "{}");
        Assert.Contains("weight_map", Refusal());
        files.Write("model.safetensors.index.json", """{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}""");
        Assert.Contains("uplicate", Refusal());
    }

    [Fact]
    public void RefusesWeightsOfAnotherModel()
    {
        Config.Save(files.Folder);
        Assert.Contains("neither model.safetensors nor its index", Refusal());
        Save(name => name == ModelTensors.FinalNorm ? null : Random(name));
        Assert.Contains("no tensor 'model.norm.weight'", Refusal());
        Save(name => name == ModelTensors.Output ? null : Random(name));
        Assert.Contains("unless tie_word_embeddings is true", Refusal());
        Save(name => name == ModelTensors.FinalNorm ? ones(9) : Random(name));
        Assert.Contains("'model.norm.weight' has shape [9], config.json calls for [8]", Refusal());
        Save(name => name == ModelTensors.FinalNorm ? ones(8, dtype: ScalarType.Int32) : Random(name));
        Assert.Contains("stored as I32", Refusal());
        SafetensorsWriter.Write(files.Path("model.safetensors"), ModelTensors.Of(Config).Select(t => (t.Name, Random(t.Name))).Append(("model.layers.0.extra.weight", ones(1))));
        Assert.Contains("'model.layers.0.extra.weight' has no place in LlamaForCausalLM", Refusal());

        void Save(Func<string, Tensor?> weight) =>
            SafetensorsWriter.Write(files.Path("model.safetensors"), ModelTensors.Of(Config).Select(t => (t.Name, weight(t.Name)!)).Where(t => t.Item2 is not null));
    }

    [Fact]
    public void IgnoresWhatFollowsFromTheConfiguration()
    {
        Config.Save(files.Folder);
        var weights = ModelTensors.Of(Config).Select(t => (t.Name, Value: Random(t.Name))).ToArray();
        SafetensorsWriter.Write(files.Path("model.safetensors"), weights.Append(("model.layers.0.self_attn.rotary_emb.inv_freq", ones(1))));
        using var folder = ModelFolder.Open(files.Folder);
        foreach (var (name, expected) in weights) Assert.True(allclose(expected, folder.Load(name, ScalarType.Float32), rtol: 0.01), name);
    }
}
