using System.Text.Json;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

[Collection("console")]
public sealed class CommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("heart-commands").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    private string Scores(string text = """{"0-0": [0.5], "0-1": [0.25], "1-0": [0.25], "1-1": [0]}""")
    {
        var path = Path.Combine(_folder, "scores.json");
        File.WriteAllText(path, text);
        return path;
    }

    private string Tensors(int queryHeads = 2, int kvHeads = 1, int n = 30, int values = 30)
    {
        using var scope = NewDisposeScope();
        var path = Path.Combine(_folder, "layer.safetensors");
        SafetensorsWriter.Write(path, [("query", randn(queryHeads, n, 8)), ("key", randn(kvHeads, n, 8)), ("value", randn(kvHeads, values, 8))]);
        return path;
    }

    /// <summary>The program, in this process.</summary>
    internal static (int Code, string Out, string Error) Lab(params string[] args)
    {
        var (before, beforeError) = (Console.Out, Console.Error);
        using var output = new StringWriter();
        using var error = new StringWriter();
        Console.SetOut(output);
        Console.SetError(error);
        try
        {
            return (HeadKvLab.Cli.Program.Main(args), output.ToString(), error.ToString());
        }
        finally
        {
            Console.SetOut(before);
            Console.SetError(beforeError);
        }
    }

    [Fact]
    public void Budget_prints_capacities_and_total()
    {
        var (code, output, _) = Lab("budget", "--scores", Scores(), "--kv-size", "28", "--beta", "1.25", "--window", "8", "--json");
        Assert.Equal(0, code);
        Assert.Equal("""{"capacities":[[36,20],[20,4]],"total":80}""", output.Trim());
        (_, output, _) = Lab("budget", "--scores", Scores(), "--kv-size", "28", "--beta", "1.25", "--budget-rule", "equal-entries", "--prompt-length", "38", "--json");
        Assert.Equal("""{"capacities":[[30,23],[23,4]],"total":80}""", output.Trim());
        (_, output, _) = Lab("budget", "--scores", Scores(), "--kv-size", "28", "--beta", "1.25", "--granularity", "kv-head", "--kv-heads", "1", "--json");
        Assert.Equal("""{"capacities":[[28],[12]],"total":40}""", output.Trim());
    }

    [Theory]
    [InlineData("--kv-size 7", "window"), InlineData("--kv-size 0", "KV size"), InlineData("--kv-size 28 --beta 1", "beta"), InlineData("--kv-size 28 --beta NaN", "beta")]
    [InlineData("--kv-size 28 --temperature 0", "temperature"), InlineData("--kv-size 28 --granularity kv-head", "--kv-heads")]
    [InlineData("--kv-size 28 --kv-heads 3", "--kv-heads"), InlineData("--kv-size 28 --prompt-length 8", "--prompt-length"), InlineData("--kv-size 28 --discipline fair", "--budget-rule")]
    public void Budget_refuses_what_cannot_be(string arguments, string named)
    {
        var (code, _, error) = Lab(["budget", "--scores", Scores(), .. arguments.Split(' ')]);
        Assert.Equal(2, code);
        Assert.Contains(named, error);
    }

    [Fact]
    public void Select_prints_ascending_positions_with_the_window()
    {
        foreach (var (method, granularity, heads) in new[] { ("SnapKV", "query-head", 2), ("snapkv", "kv-head", 1), ("HeadKV-R2", "query-head", 2), ("Ada-SnapKV", "query-head", 2) })
        {
            var (code, output, error) = Lab("select", "--tensors", Tensors(), "--method", method, "--kv-size", "12", "--window", "4", "--granularity", granularity,
                "--scores", Scores(), "--layer", "1", "--discipline", "equal-entries", "--json");
            Assert.True(code == 0, error);
            var kept = JsonDocument.Parse(output).RootElement.GetProperty("kept").EnumerateArray().Select(h => h.EnumerateArray().Select(p => p.GetInt32()).ToArray()).ToArray();
            Assert.Equal(heads, kept.Length);
            foreach (var positions in kept)
            {
                Assert.Equal(positions.Order().Distinct(), positions);
                Assert.Equal([26, 27, 28, 29], positions[^4..]);
            }
        }
    }

    [Fact]
    public void Select_refuses_tensors_that_do_not_fit()
    {
        Assert.Contains("'value'", Lab("select", "--tensors", Tensors(values: 29), "--method", "SnapKV", "--kv-size", "12").Error);
        Assert.Contains("'query'", Lab("select", "--tensors", Tensors(queryHeads: 3, kvHeads: 2), "--method", "SnapKV", "--kv-size", "12").Error);
        Assert.Contains("kernel", Lab("select", "--tensors", Tensors(), "--method", "SnapKV", "--kv-size", "12", "--kernel", "4").Error);
        Assert.Contains("unknown", Lab("select", "--tensors", Tensors(), "--method", "SnapVK", "--kv-size", "12").Error);
        Assert.Contains("head scores", Lab("select", "--tensors", Tensors(), "--method", "HeadKV-R2", "--kv-size", "12").Error);
        Assert.Contains("--layer", Lab("select", "--tensors", Tensors(), "--method", "HeadKV-R2", "--kv-size", "12", "--scores", Scores(), "--layer", "2").Error);
        var (code, _, error) = Lab("select", "--tensors", Path.Combine(_folder, "none"), "--method", "SnapKV", "--kv-size", "12");
        Assert.Equal(2, code);
        Assert.Contains("none: cannot be opened", error);
    }

    [Fact]
    public void A_prompt_within_the_budget_or_the_window_is_kept_whole()
    {
        foreach (var window in new[] { "4", "30", "40" })
        {
            var (code, output, error) = Lab("select", "--tensors", Tensors(), "--method", "SnapKV", "--kv-size", "40", "--window", window, "--json");
            Assert.Equal(0, code);
            Assert.Contains("passes through uncompressed", error);
            Assert.Equal(30, JsonDocument.Parse(output).RootElement.GetProperty("kept")[1].GetArrayLength());
        }
    }

    [Theory]
    [InlineData("""{"0-0": [0.5], "0-1": [0.25], "1-0": [0.25]}""", "1-1 is missing")]
    [InlineData("""{"0-0": [0.5], "0-1": [0.25], "0-2": [0.1]}""", "another model")]
    [InlineData("""{"0-0": [NaN], "0-1": [0.25]}""", "NaN")]
    [InlineData("""{"0-0": [-1], "0-1": [0.25]}""", "no score")]
    [InlineData("""{"0-0": [0], "0-1": [0]}""", "all scores are zero")]
    [InlineData("""{"0-0": [0.5], "0-1": """, "broken JSON")]
    public void Select_refuses_head_scores_that_cannot_be(string scores, string named)
    {
        var (code, _, error) = Lab("select", "--tensors", Tensors(), "--method", "HeadKV-R2", "--kv-size", "12", "--scores", Scores(scores));
        Assert.Equal(2, code);
        Assert.Contains(named, error);
    }

    [Theory]
    [InlineData("--kv-size 0", "KV size"), InlineData("--kv-size 7", "window"), InlineData("--kv-size 12 --beta 1", "beta"), InlineData("--kv-size 12 --beta NaN", "beta")]
    [InlineData("--kv-size 12 --beta Infinity", "beta"), InlineData("--kv-size 12 --beta 0.5", "beta"), InlineData("--kv-size 12 --kernel 6", "kernel"), InlineData("--kv-size 12 --window 0", "window")]
    [InlineData("--kv-size 12 --pooling median", "pooling"), InlineData("--kv-size 12 --reduction most", "reduction"), InlineData("--kv-size 12 --granularity token", "granularity")]
    public void Select_refuses_settings_that_cannot_be(string arguments, string named)
    {
        var (code, _, error) = Lab(["select", "--tensors", Tensors(), "--method", "HeadKV-R2", "--scores", Scores(), .. arguments.Split(' ')]);
        Assert.Equal(2, code);
        Assert.Contains(named, error);
    }

    [Fact]
    public void A_prompt_of_one_token_is_kept()
    {
        var (code, output, error) = Lab("select", "--tensors", Tensors(n: 1, values: 1), "--method", "Ada-SnapKV", "--kv-size", "12", "--json");
        Assert.Equal((0, """{"kept":[[0],[0]]}"""), (code, output.Trim()));
        Assert.Contains("1 tokens fits", error);
    }

    [Fact]
    public void Methods_lists_the_catalogue()
    {
        var (code, output, _) = Lab("methods");
        Assert.Equal(0, code);
        foreach (var method in HeadKvLab.Compression.Catalogue.Methods) Assert.Contains(method.Name, output);
        Assert.Contains("| HeadKV-R2 |", Lab("methods", "--markdown").Out);
    }
}
