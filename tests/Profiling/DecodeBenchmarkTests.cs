using HeadKvLab.Cache;
using HeadKvLab.Cli;
using HeadKvLab.Models;
using HeadKvLab.Profiling;
using HeadKvLab.Profiling.Decode;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Profiling;

[Collection("torch threads")]
public class DecodeBenchmarkTests
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
    public void What_is_written_for_other_programs_is_what_is_timed()
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

    [Theory]
    [InlineData("float32", "float32")]
    [InlineData("bfloat16", "float32")]
    [InlineData("bfloat16", "bfloat16")]
    public void A_step_is_timed_and_allocates_nothing(string type, string storage)
    {
        using var folder = new TemporaryFolder();
        using var timed = TimedModel.Open(Config(folder, type), 1200);
        var bench = new DecodeBenchmark(timed.Name, timed.Decoder, 1);
        var figures = bench.OverLength([24], storage == "float32" ? ScalarType.Float32 : ScalarType.BFloat16).ToDictionary(m => m.Metric);
        Assert.All(figures.Values, figure => Assert.Equal(storage == "bfloat16", figure.Case.EndsWith("cache in bfloat16", StringComparison.Ordinal)));
        Assert.Equal(0, figures["managed bytes allocated per token"].Value);
        Assert.True(figures["bytes moved per second"].Value > 0);
        Assert.True(figures["time per token, 8-bit weights"].Value > 0);
        Assert.True(Assert.Single(bench.OverPrompt([48])).Value > 0);
    }

    [Theory]
    [InlineData("--storage", "float64", "--storage 'float64' is unknown: use float32 or bfloat16"), InlineData("--storage", "", "--storage '' is unknown: use float32 or bfloat16")]
    [InlineData("--lengths", "0", "--lengths '0': give whole numbers of 1 and more"), InlineData("--model", "absent.json", "absent.json: no such model folder or config file")]
    public void Bad_input_ends_with_code_two_and_says_why(string option, string value, string message)
    {
        var (code, error) = Child.Lab("bench", "decode", option, value).End();
        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }
}
