using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Reports;

/// <summary>Views of rows: equal rows give equal bytes, and other tools find what they look for.</summary>
public sealed class ReportTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private static EvalRow[] Rows(string suite = "longbench") =>
    [
        .. from variant in (Variant[])[Variant.Full, SomeRows.Snap with { KvSize = 128 }, SomeRows.HeadKv with { KvSize = 128 }]
           from dataset in (string[])["qasper", "hotpotqa"]
           from i in Enumerable.Range(0, 4)
           select SomeRows.Row(i, i % 2, variant, dataset, $"{dataset}{i}") with { Suite = suite, Prediction = i % 2 == 1 ? "the answer, \"quoted\"\nsecond line" : "no", Answers = ["the answer, \"quoted\" second line"], Length = 3000 * i, PromptTokens = variant.IsFull ? 64 : 128 },
    ];

    [Fact]
    public void Tables_do_not_depend_on_the_order_or_the_times_of_rows()
    {
        var rows = Rows();
        var other = rows.Select(r => r with { DecodeSeconds = r.DecodeSeconds + 1, PrefillSeconds = 7 }).Reverse().ToArray();
        Assert.Equal(ResultReport.Csv(ScoreCells.Of(rows)), ResultReport.Csv(ScoreCells.Of(other)));
        Assert.Equal(ResultReport.Markdown(ScoreCells.Of(rows)), ResultReport.Markdown(ScoreCells.Of(other)));
        Assert.Equal(ResultReport.ComparisonCsv(Comparisons.Of(rows)), ResultReport.ComparisonCsv(Comparisons.Of(other)));
        Assert.NotEqual(ResultReport.TimeCsv(rows), ResultReport.TimeCsv(other));
    }

    /// <summary>Rows of before hold 0 s for samples without an answer: they count neither in the means nor in the number of samples.</summary>
    [Fact]
    public void Times_are_those_of_samples_that_have_an_answer()
    {
        var answered = SomeRows.Row(1) with { PrefillSeconds = 2, DecodeSeconds = 3, NewTokens = 4 };
        var failed = SomeRows.Row(2) with { PrefillSeconds = 0, DecodeSeconds = 0, NewTokens = 0, Failed = "it overflowed" };
        Assert.Equal(ResultReport.TimeCsv([answered]), ResultReport.TimeCsv([answered, failed]));
        Assert.EndsWith(",1,,2.0000,3.0000,4.00,750.000\n", ResultReport.TimeCsv([answered, failed]));
        Assert.EndsWith(",0,,,,,\n", ResultReport.TimeCsv([failed]));
    }

    /// <summary>A table of one variant shows what is not usual about it; the usual settings stay unsaid.</summary>
    [Fact]
    public void A_lone_setting_that_is_not_the_default_is_told()
    {
        string Told(Variant variant) => ResultReport.Markdown(ScoreCells.Of([SomeRows.Row(0, 1, variant), SomeRows.Row(1, 1, variant)])).Split('\n').First(line => line.Contains("HeadKV", StringComparison.Ordinal)).Split('|')[2].Trim();
        Assert.Equal("HeadKV-R2", Told(SomeRows.HeadKv));
        Assert.Equal("HeadKV-R2, beta 2", Told(SomeRows.HeadKv with { Settings = SomeRows.HeadKv.Settings.With("beta", 2) }));
        Assert.Equal("HeadKV-R2, kernel 5, window 16", Told(SomeRows.HeadKv with { Settings = SomeRows.HeadKv.Settings.With("kernel", 5), Window = 16 }));
    }

    [Fact]
    public void The_frame_and_the_csv_hold_the_same_cells()
    {
        var cells = ScoreCells.Of(Rows());
        Assert.Equal(9, cells.Count);                                             // three variants on two sets, and their averages
        var frame = ResultReport.Frame(cells);
        Assert.Equal((9L, "full", 50.0), (frame.Rows.Count, (string)frame["budget"][0]!, (double)frame["score"][0]!));
        Assert.Equal("longbench,standard,hotpotqa,SnapKV,128,0,equal-entries,kv-head,8,kernel=7 pooling=max reduction=mean,,0,exact_match,50.0000,0.0000,100.0000,4,4,128.0,64.00,0.500000,1024,0,0,,,,,1024,0,,,128.0", ResultReport.Csv(cells).Split('\n')[2]);
    }

    [Fact]
    public void LongBenchs_shape_scores_the_same_when_it_is_read_back()
    {
        var files = ResultExports.LongBench(Rows(), "llama", _temporary.Path);
        Assert.Equal(3 * 3, files.Count);
        var run = Path.Combine(_temporary.Path, "pred", "llama-SnapKV-128");
        var line = JsonDocument.Parse(File.ReadLines(Path.Combine(run, "qasper.jsonl")).First()).RootElement;
        Assert.Equal(["pred", "answers", "all_classes", "length"], line.EnumerateObject().Select(p => p.Name));
        Assert.Equal("""{"hotpotqa":50,"qasper":50}""", JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "result.json"))).RootElement.ToString().ReplaceLineEndings("").Replace(" ", ""));
        Assert.Equal(50, PredictionFile.Score(Path.Combine(run, "qasper.jsonl"), "qasper").Score);
        Assert.Contains("\"0-4k\"", File.ReadAllText(ResultExports.LongBench(Rows("longbench-e"), "llama", _temporary.Path).Single(f => f.Contains("pred_e") && f.Contains("Full") && f.EndsWith("result.json"))));
    }

    [Fact]
    public void Kvpress_shape_names_the_share_that_was_really_removed()
    {
        ResultExports.KvPress(Rows(), "org/llama", _temporary.Path);
        var folder = Path.Combine(_temporary.Path, "longbench__qasper__org--llama__snapkv__0.50__query_aware");
        Assert.Equal("50", File.ReadAllText(Path.Combine(folder, "metrics.json")));
        Assert.Contains("press_name: snapkv\ncompression_ratio: 0.5\n", File.ReadAllText(Path.Combine(folder, "config.yaml")));
        Assert.StartsWith("task,_id,answers,all_classes,length,predicted_answer,compression_ratio\nqasper,q00,", File.ReadAllText(Path.Combine(folder, "predictions.csv")));
        Assert.Contains("\"the answer, \"\"quoted\"\"\nsecond line\"", File.ReadAllText(Path.Combine(folder, "predictions.csv")));
        Assert.True(Directory.Exists(Path.Combine(_temporary.Path, "longbench__qasper__org--llama__no_press__0.00__query_aware")));
    }
}
