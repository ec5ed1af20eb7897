using System.Text.Json;
using HeadKvLab.Cli;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>Suites through the program, on the bundled model; tests/fixtures/longbench has LongBench's layout with questions of the world.</summary>
public sealed class SuiteCommandTests : IDisposable
{
    private static readonly string Model = Repository.Path("data", "models", "world-4m"), Fixture = Repository.Path("tests", "fixtures", "longbench");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private EvalRow[] Eval(string suite, params string[] options) => EvalInto("out", suite, options);

    private EvalRow[] EvalInto(string folder, string suite, params string[] options)
    {
        var output = Path.Combine(_folder.Path, folder);
        Assert.Equal(0, Program.Main(["eval", suite, "--model", Model, "--methods", "SnapKV", "--kv-sizes", "64", "--out", output, .. options]));
        return [.. File.ReadLines(Path.Combine(output, "rows.jsonl")).Select(line => JsonSerializer.Deserialize<EvalRow>(line, EvalRow.Json)!)];
    }

    [Fact]
    public void LongBenchsLayoutRunsAndItsPredictionsScoreTheSame()
    {
        var rows = Eval("longbench", "--data", Fixture);
        Assert.Equal(["lcc", "multi_news", "qasper", "trec"], rows.Select(r => r.Dataset).Distinct().Order());
        Assert.Equal(["code_sim_insert_delete", "rouge_l_any_length", "qa_f1", "classification"], ((string[])["lcc", "multi_news", "qasper", "trec"]).Select(d => rows.First(r => r.Dataset == d).Metric));
        Assert.True(rows.Where(r => r.Variant.Method == "FullKV" && r.Dataset == "trec").Average(r => r.Score) > 0.4);
        Assert.All(rows, r => Assert.Equal("standard", r.Protocol));
        foreach (var set in rows.Where(r => r.Variant.Method == "FullKV").GroupBy(r => r.Dataset))
        {
            var path = Path.Combine(_folder.Path, set.Key + ".jsonl");
            File.WriteAllLines(path, set.Select(r => JsonSerializer.Serialize(new { pred = r.Prediction, answers = r.Answers, all_classes = r.AllClasses, length = r.Length })));
            Assert.Equal(set.Select(r => r.Score), HeadKvLab.Evaluation.Metrics.PredictionFile.Score(path, set.Key).Samples);
        }
    }

    [Theory, InlineData("eval", "suites/world-1024-validation.jsonl"), InlineData("sweep", "sweeps/world.json"), InlineData("beta", "suites/world-1024-validation.jsonl")]
    public void AGpuThatIsNotThereIsAnError(string command, string what)
    {
        Requires.NoGpu();
        using var error = new StringWriter();
        var folder = Path.Combine(_folder.Path, "none");
        Assert.Equal(2, Program.Run([command, Repository.Path("data", what), "--device", "cuda", "--out", folder], error));
        Assert.Contains("--device cuda: no usable NVIDIA GPU", error.ToString());
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void ProtocolsStandInEveryRow()
    {
        var rows = Eval("qasper", "--data", Fixture, "--protocol", "paper,agnostic", "--limit", "1");
        Assert.Equal(["agnostic", "paper"], rows.Select(r => r.Protocol).Distinct().Order());
        Assert.All(rows, r => Assert.Equal(r.Protocol == "paper" ? ("full-first", "float16") : ("recompute-last", "bfloat16"), (r.FirstToken, r.Type)));
        Assert.All(rows, r => Assert.Equal(r.Entries * 2 * Repository.Model.Config.HeadDim * 2, r.Bytes));
        using var error = new StringWriter();
        foreach (var option in (string[][])[["--type", "float32"], ["--first-token", "full-first"]])
            Assert.Equal(2, Program.Run(["eval", "qasper", "--model", Model, "--data", Fixture, "--kv-sizes", "64", "--protocol", "paper", "--out", Path.Combine(_folder.Path, "out"), .. option], error));
        Assert.Contains("another number type (protocol, not float32)", error.ToString());
        Assert.Contains("another first-token rule (protocol, not full-first)", error.ToString());
    }

    /// <summary>A Chinese set through the program: the metric's name says what cut its words, and the score is what `lab metric` gives.</summary>
    [Fact]
    public void TheNumberTypeAndTheDictionaryCanBeChosen()
    {
        File.WriteAllText(Path.Combine(_folder.Path, "dataset2prompt.json"), """{"multifieldqa_zh": "{context}\n{input}"}""");
        const string sample = """{"_id": "a", "context": "他来到了网易杭研大厦", "input": "他来到了哪里？", "answers": ["网易杭研大厦"], "length": 10, "dataset": "multifieldqa_zh", "language": "zh", "all_classes": null}""";
        File.WriteAllText(Path.Combine(_folder.Path, "multifieldqa_zh.jsonl"), sample);
        var jieba = Repository.Path("tests", "fixtures", "metrics", "jieba");
        var rows = Eval("multifieldqa_zh", "--data", _folder.Path, "--type", "float32", "--dictionary", jieba);
        Assert.All(rows, r => Assert.Equal(("qa_f1_zh_jieba", "float32", r.Entries * 2 * Repository.Model.Config.HeadDim * 4), (r.Metric, r.Type, r.Bytes)));
        // The model's words are not Chinese: the beginning of what it says is made the answer, so that the score lies between 0 and 1.
        File.WriteAllText(Path.Combine(_folder.Path, "multifieldqa_zh.jsonl"), sample.Replace("\"网易杭研大厦\"", JsonSerializer.Serialize($"{rows[0].Prediction[..100]}，网易杭研大厦"), StringComparison.Ordinal));
        var half = EvalInto("half", "multifieldqa_zh", "--data", _folder.Path, "--type", "float32", "--dictionary", jieba)[0];
        Assert.Equal(rows[0].Prediction, half.Prediction);
        Assert.InRange(half.Score, 0.1, 0.9);
        File.WriteAllText(Path.Combine(_folder.Path, "pred.jsonl"), JsonSerializer.Serialize(new { pred = half.Prediction, answers = half.Answers, all_classes = (string[]?)null, length = 10 }));
        var scored = HeadKvLab.Evaluation.Metrics.PredictionFile.Score(Path.Combine(_folder.Path, "pred.jsonl"), "multifieldqa_zh", null, HeadKvLab.Evaluation.Metrics.Segmenter.Load(jieba));
        Assert.Equal((half.Metric, half.Score), (scored.Metric, Assert.Single(scored.Samples)));
        File.WriteAllText(Path.Combine(_folder.Path, "multifieldqa_zh.jsonl"), sample);
        using var error = new StringWriter();
        string[] again = ["eval", "multifieldqa_zh", "--model", Model, "--data", _folder.Path, "--kv-sizes", "64", "--type", "float32", "--out", Path.Combine(_folder.Path, "out")];
        Assert.Equal(2, Program.Run(again, error));
        Assert.Contains("another Chinese dictionary (jieba ", error.ToString());
        Assert.Equal(2, Program.Run([.. again, "--dictionary", Path.Combine(_folder.Path, "none.txt")], error));
        Assert.Contains("none.txt: no such dictionary", error.ToString());
    }

    [Fact]
    public void NeedlesAreFoundWithTheFullCache()
    {
        var rows = Eval("needle", "--lengths", "700", "--per-task", "2");
        Assert.Equal(3 * 2 * 2 * 2, rows.Length);
        Assert.True(rows.Where(r => r.Variant.Method == "FullKV").Average(r => r.Score) > 0.8);
    }

    [Theory]
    [InlineData("longbnech", "did you mean 'longbench'"), InlineData("longbench", "--data"), InlineData("no-such-file.jsonl", "no file of that name")]
    public void UnusableSuitesEndWithTwo(string suite, string wanted)
    {
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["eval", suite, "--model", Model, "--out", Path.Combine(_folder.Path, "out")], error));
        Assert.Contains(wanted, error.ToString(), StringComparison.Ordinal);
    }
}
