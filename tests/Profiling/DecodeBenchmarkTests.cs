using HeadKvLab.Cache;
using HeadKvLab.Cli;
using HeadKvLab.Models;
using HeadKvLab.Profiling;
using HeadKvLab.Profiling.Decode;
using TorchSharp;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Profiling;

[Collection("torch threads")]
public class DecodeBenchmarkTests(ITestOutputHelper output)
{
    /// <summary>A small random model's config, in the given type.</summary>
    private static string Config(TemporaryFolder folder, string type)
    {
        var path = Path.Combine(folder.Path, $"tiny-{type}.json");
        File.WriteAllText(path, File.ReadAllText(Repository.Path("data", "configs", "llama-75m.json"))
            .Replace("16000", "500").Replace("768", "96").Replace("2048", "160").Replace("_layers\": 10", "_layers\": 2").Replace("_heads\": 12", "_heads\": 6").Replace("_heads\": 4", "_heads\": 2")
            .Replace("\"head_dim\": 64", "\"head_dim\": 16").Replace("\"torch_dtype\": \"float32\"", $"\"torch_dtype\": \"{type}\""));
        return path;
    }

    [Fact]
    public void The_two_configs_of_75_million_differ_in_their_type_alone()
    {
        string Text(string name) => File.ReadAllText(Repository.Path("data", "configs", name));
        Assert.Equal(Text("llama-75m.json").Replace("\"float32\"", "\"bfloat16\""), Text("llama-75m-bfloat16.json"));
    }

    [Fact]
    public void A_bfloat16_checkpoint_is_decoded_from_two_bytes_a_weight_to_the_bits_of_float32_arithmetic()
    {
        using var folder = new TemporaryFolder();
        using var wide = TimedModel.Open(Config(folder, "float32"), 64);
        using var half = TimedModel.Open(Config(folder, "bfloat16"), 64);
        Assert.Equal((ScalarType.Float32, ScalarType.BFloat16), (wide.Stored, half.Stored));
        var (packed, plain) = (new DecodeStep(half.Decoder), new DecodeStep(half.Decoder, DecodePrecision.AsLoaded));
        Assert.Equal(new DecodeStep(wide.Decoder).WeightBytes, 2 * packed.WeightBytes);
        Assert.Equal(plain.WeightBytes, 2 * packed.WeightBytes);
        using var a = FilledCache.Full(half.Decoder.Config, 20, 8);
        using var b = a.Clone();
        foreach (var id in (int[])[3, 1, 4, 1, 5]) Assert.Equal(plain.Run(id, a).ToArray(), packed.Run(id, b).ToArray());
    }

    [Fact]
    public void What_is_written_for_the_peer_is_what_is_timed()
    {
        using var folder = new TemporaryFolder();
        foreach (var type in (string[])["float32", "bfloat16"])
        {
            using var timed = TimedModel.Open(Config(folder, type), 64);
            using var written = ModelFolder.Open(timed.Folder());
            Assert.Equal(type == "float32" ? "F32" : "BF16", written.Tensors[ModelTensors.Embedding].Type);
            using var read = written.LoadDecoder(ScalarType.Float32);
            using var scope = NewDisposeScope();
            foreach (var (ours, theirs) in timed.Decoder.Model.parameters().Zip(read.Model.parameters())) Assert.Equal(ours.data<float>().ToArray(), theirs.data<float>().ToArray());
        }
    }

    /// <summary>The peer's tokens are ours, and its fastest way is the one that is compared.</summary>
    [Theory]
    [InlineData("float32", "float32", 2)]
    [InlineData("bfloat16", "float32", 4)]
    [InlineData("bfloat16", "bfloat16", 4)]
    public void Beside_python_the_fastest_product_counts(string type, string storage, int products)
    {
        using var folder = new TemporaryFolder();
        using var timed = TimedModel.Open(Config(folder, type), 1200);
        using var peer = PythonPeer.Start(Repository.Path("tests", "benchmarks", "peer_decode.py"), 1, timed.Folder());
        if (peer is null) output.WriteLine("no Python with torch here: only this side was timed");
        var figures = new DecodeBenchmark(timed.Name, timed.Decoder, 1, timed.Stored)
            .BesidePeer([24], peer, storage == "float32" ? ScalarType.Float32 : ScalarType.BFloat16).ToDictionary(m => m.Metric);
        Assert.All(figures.Values, figure => Assert.Equal(storage == "bfloat16", figure.Case.EndsWith("cache in bfloat16", StringComparison.Ordinal)));
        Assert.Equal(0, figures["managed bytes allocated per token"].Value);
        Assert.True(figures["bytes moved per second"].Value > 0);
        Assert.True(figures["time per token, 8-bit weights"].Value > 0);
        if (peer is null) return;
        Assert.Equal(24, figures["greedy tokens equal to the peer's, of 24"].Value);
        double[] ratios = [.. figures.Values.Where(f => f.Metric.StartsWith("python3-torch by", StringComparison.Ordinal)).Select(f => f.Value)];
        Assert.Equal(products, ratios.Length);
        Assert.Equal(ratios.Min(), figures["python3-torch at its fastest / here"].Value, 12);
        output.WriteLine(string.Join("\n", figures.Values));
    }

    [Theory]
    [InlineData("--storage", "float64"), InlineData("--storage", ""), InlineData("--lengths", "0"), InlineData("--model", "absent.json")]
    public void Bad_input_ends_with_code_two(string option, string value) =>
        Assert.Equal(2, Program.Main(["bench", "decode", option, value]));
}
