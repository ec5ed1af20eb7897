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

    private EvalRow[] Eval(string suite, params string[] options)
    {
        var output = Path.Combine(_folder.Path, "out");
        Assert.Equal(0, Program.Main(["eval", suite, "--model", Model, "--methods", "SnapKV", "--kv-sizes", "64", "--out", output, .. options]));
        return [.. File.ReadLines(Path.Combine(output, "rows.jsonl")).Select(line => JsonSerializer.Deserialize<EvalRow>(line, EvalRow.Json)!)];
    }

    [Fact]
    public void LongBenchsLayoutRunsAndItsPredictionsScoreTheSame()
    {
        var rows = Eval("longbench", "--data", Fixture);
        Assert.Equal(["lcc", "multi_news", "qasper", "trec"], rows.Select(r => r.Dataset).Distinct().Order());
        Assert.Equal(["code_sim_insert_delete", "rouge_l", "qa_f1", "classification"], ((string[])["lcc", "multi_news", "qasper", "trec"]).Select(d => rows.First(r => r.Dataset == d).Metric));
        Assert.True(rows.Where(r => r.Variant.Method == "FullKV" && r.Dataset == "trec").Average(r => r.Score) > 0.4);
        Assert.All(rows, r => Assert.Equal("repaired", r.Protocol));
        foreach (var set in rows.Where(r => r.Variant.Method == "FullKV").GroupBy(r => r.Dataset))
        {
            var path = Path.Combine(_folder.Path, set.Key + ".jsonl");
            File.WriteAllLines(path, set.Select(r => JsonSerializer.Serialize(new { pred = r.Prediction, answers = r.Answers, all_classes = r.AllClasses, length = r.Length })));
            Assert.Equal(set.Select(r => r.Score), HeadKvLab.Evaluation.Metrics.PredictionFile.Score(path, set.Key).Samples);
        }
    }

    [Fact]
    public void ProtocolsStandInEveryRow()
    {
        var rows = Eval("qasper", "--data", Fixture, "--protocol", "paper,agnostic", "--limit", "1");
        Assert.Equal(["agnostic", "paper"], rows.Select(r => r.Protocol).Distinct().Order());
        Assert.All(rows, r => Assert.Equal(r.Protocol == "paper" ? "full-first" : "recompute-last", r.FirstToken));
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
