using HeadKvLab.Cli;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.Tests.Evaluation.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>A model whose weights go beyond float16: wherever a number decides, NaN is an error with a place, and one sample's error is not the run's end.</summary>
public sealed class OverflowTests : FolderTests
{
    private static readonly string Model = Repository.Path("tests", "fixtures", "overflow");

    private EvalRow[] Eval(int code, string type, string protocol, out string error, string methods = "SnapKV", string? suite = null)
    {
        using var told = new StringWriter();
        var child = Child.Lab("eval", suite ?? Path.Combine(Model, "suite.jsonl"), "--data", Model, "--model", Model, "--methods", methods, "--kv-sizes", "16", "--protocol", protocol, "--type", type, "--out", Inside("out")).End();
        Assert.Equal(code, child.Code);
        error = child.Error;
        return [.. RowJournal.Read(Inside("out/rows.jsonl"))];
    }

    [Theory, InlineData("paper"), InlineData("standard"), InlineData("agnostic")]
    public void A_sample_that_overflows_fails_by_name_and_the_run_goes_on(string protocol)
    {
        var rows = Eval(1, "float16", protocol, out var error, "StreamingLLM");
        Assert.Equal(["FullKV", "StreamingLLM"], rows.Select(r => r.Variant.Method).Order());
        Assert.All(rows, row =>
        {
            Assert.StartsWith("the logits hold ", row.Failed);
            Assert.EndsWith("compute in float32 or bfloat16", row.Failed);
            Assert.Equal((0, "", 0), (row.Score, row.Prediction, row.NewTokens));
        });
        Assert.Contains("2 of 2 samples failed and count as 0; the first: suite, qasper, question 0, ", error);
        Assert.Contains("Failed, because the model's numbers overflowed, and counted as 0: 1 of FullKV at full; 1 of StreamingLLM at 16.", File.ReadAllText(Inside("out/table.md")));
        string[][] table = [.. File.ReadLines(Inside("out/table.csv")).Select(line => line.Split(','))];
        Assert.Equal(["1", "1"], table[1..].Select(line => line[Array.IndexOf(table[0], "failed")]));
        Assert.DoesNotContain("Seconds", File.ReadAllText(Inside("out/rows.jsonl")));                                   // nothing was measured
        Assert.All(File.ReadLines(Inside("out/times.csv")).Skip(1), line => Assert.EndsWith(",0,,,,,", line));
    }

    [Theory, InlineData("paper"), InlineData("standard"), InlineData("agnostic")]
    public void Where_the_scores_of_positions_overflow_that_method_fails_and_the_others_say_why_they_do(string protocol)
    {
        File.WriteAllText(Inside("long.jsonl"), File.ReadAllText(Path.Combine(Model, "suite.jsonl")).Replace("\"context\": \"a\"", "\"context\": \"" + string.Concat(Enumerable.Repeat("a cat sat ", 20)) + "\""));
        var rows = Eval(1, "float16", protocol, out var error, "SnapKV,StreamingLLM", Inside("long.jsonl"));
        Assert.Equal(["FullKV", "SnapKV", "StreamingLLM"], rows.Select(r => r.Variant.Method).Order());
        Assert.All(rows, row => Assert.StartsWith(row.Variant.Method == "SnapKV" ? "method SnapKV: head 0 of layer 1 scores all positions NaN" : "the logits hold ", row.Failed));
        Assert.All(rows, row => Assert.Equal((row.Variant.Method == "SnapKV", 0.0), (row.Entries == 0, row.Score)));
        Assert.Contains("3 of 3 samples failed and count as 0", error);
    }

    [Fact]
    public void What_was_kept_is_the_mean_of_the_samples_that_could_be_read()
    {
        var read = SomeRows.Row(0, 1, SomeRows.HeadKv);
        var cells = HeadKvLab.Evaluation.Statistics.ScoreCells.Of([read, SomeRows.Row(1, 0, SomeRows.HeadKv) with { Entries = 0, Bytes = 0, Failed = "scores are NaN" }]);
        Assert.All(cells, cell => Assert.Equal(((double)read.Entries / read.Heads, (double)read.Bytes, 1), (cell.Entries, cell.Bytes, cell.Failed)));
    }

    [Fact]
    public void In_float32_the_same_samples_are_answered()
    {
        var rows = Eval(0, "float32", "standard", out var error);
        Assert.All(rows, row => Assert.True(row is { Failed: null, NewTokens: > 0 }));
        Assert.DoesNotContain("failed", error + File.ReadAllText(Inside("out/table.md")));
    }

    [Theory]
    [InlineData("NaN (token 1)", 1f, float.NaN, 0f), InlineData("no finite maximum (token 2)", 1f, 2f, float.PositiveInfinity)]
    [InlineData("no finite maximum (token 0)", float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity)]
    public void Nothing_is_chosen_by_logits_that_overflowed(string what, params float[] logits)
    {
        Assert.Contains(what, Assert.Throws<ModelOverflow>(() => Generation.Greedy(logits)).Message);
        Assert.Contains(what, Assert.Throws<ModelOverflow>(() => new Sampler(new GenerationConfig()).Next(logits)).Message);
    }

    [Fact]
    public void The_most_likely_token_is_the_first_of_equals_and_never_an_excluded_one()
    {
        Assert.Equal(1, Generation.Greedy([float.NegativeInfinity, 3, 3]));
        Assert.Equal(2, Generation.Greedy([0, 5, 4, 4], [1]));
        Assert.Throws<ModelOverflow>(() => Generation.Greedy([1, float.NaN], [1]));
    }

    [Fact]
    public void Logits_that_overflowed_are_not_written()
    {
        using var error = new StringWriter();
        string[] call = ["logits", "--model", Model, "--ids", "5,9", "--out", Inside("logits.safetensors"), "--type"];
        Assert.Equal(2, Program.Run([.. call, "float16"], error));
        Assert.Contains("the logits of position 0 hold NaN or infinity", error.ToString());
        Assert.False(File.Exists(Inside("logits.safetensors")));
        Assert.Equal(0, Program.Run([.. call, "float32"], error));
        Assert.True(File.Exists(Inside("logits.safetensors")));
    }

    [Fact]
    public void A_profile_names_the_case()
    {
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["profile", "--model", Model, "--type", "float16", "--methods", "FullKV,SnapKV", "--contexts", "48", "--kv-sizes", "16", "--generate", "2", "--repetitions", "1"], error));
        Assert.Contains("FullKV at 48 tokens: the logits hold ", error.ToString());
    }

    [Fact]
    public void Head_scoring_names_the_needle()
    {
        var set = NeedleSet.Load(Repository.Path("data", "suites", "needles"));
        var model = LanguageModel.Load(Model, ScalarType.Float16);
        var error = Assert.Throws<ModelOverflow>(() => HeadScoring.Run(model, set, [set.Retrieval[0]], new HaystackGrid([1500], [0.5])));
        Assert.Contains($"needle '{set.Retrieval[0].Question}' in 1500 tokens at depth 0.5: the logits hold ", error.Message);
    }

    [Fact]
    public void A_selection_by_scores_that_overflowed_is_refused()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(Inside("layer.safetensors"), [("query", full([2, 40, 8], 1e30f)), ("key", randn(1, 40, 8) * 1e30f), ("value", randn(1, 40, 8))]);
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["select", "--tensors", Inside("layer.safetensors"), "--method", "SnapKV", "--kv-size", "16"], error));
        Assert.Contains("method SnapKV: head 0 of layer 0 scores all positions NaN", error.ToString());
    }

    [Fact]
    public void No_setting_is_chosen_by_samples_that_failed()
    {
        EvalRow[] rows = [SomeRows.Row(0, 1, SomeRows.HeadKv), SomeRows.Row(1, 0, SomeRows.HeadKv) with { Failed = "the logits hold NaN" }];
        Assert.Contains("1 of 2 samples failed and count as 0; the first: s, d, question q01, HeadKV-R2 at 64: the logits hold NaN",
            Assert.Throws<LabException>(() => BetaChoice.Of(new ValidationSplit(0, 0.5), [SomeRows.HeadKv], rows)).Message);
    }
}
