using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Reports;

/// <summary>Exports read back by tests/reference/read_exports.py, which knows the readers of LongBench and kvpress and none of this program's code.</summary>
public sealed class ExportTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private static readonly string[] Predictions =
        ["the answer, \"quoted\"", "\n\nPlace: city\nsecond line, with 'both' \"quotes\"", "Paragraph 7, or 12.", "", "  \t", "back\\slash and tab\t; comma, semicolon", "return x + 1 // why\nreturn x + 1", "北京，是首都。\n上海", "carriage\r\nreturn", "a\u2028b 𝒜 ٣ \x01 end", "it's \"this\"\\\r\n\x02 word"];

    /// <summary>Answers that a CSV or a Python literal could break, scored by this program.</summary>
    private static IEnumerable<EvalRow> Rows(string suite, string dataset, Variant variant) => Predictions.Select((prediction, i) =>
    {
        var info = KnownDatasets.Find(dataset);
        string[] classes = info.Metric == "classification" ? ["Place", "Place: city", "Description, 'quoted'", "line\nbreak"] : [];
        string[] answers = info.Metric switch
        {
            "classification" => ["Place: city"], "count" => ["12"], "retrieval" => ["Paragraph 7"], "all_substrings" => ["quoted", "12"],
            _ => [Predictions[(i + 3) % Predictions.Length], Predictions[i], "it's \"this\"\\\r\n\x02"],
        };
        if (i % 3 == 0 && info.Metric is not ("classification" or "count" or "retrieval" or "all_substrings")) answers = answers[..1];
        var metric = TextMetric.Named(info.Metric);
        var scored = info.FirstLine ? PredictionFile.FirstLine(prediction) : prediction;
        return SomeRows.Row(i, metric.Score(scored, new Reference(answers, classes)), variant, dataset) with
        {
            Suite = suite, Prediction = prediction, Answers = answers, AllClasses = classes.Length > 0 ? classes : null, Length = 1000 * i, Metric = metric.Name, Entries = variant.IsFull ? 400 : 100,
        };
    });

    [Fact]
    public void OtherToolsReadersFindTheSameScores()
    {
        var python = Requires.Python("csv, json", "python3");
        string[] datasets = ["qasper", "hotpotqa", "triviaqa", "multifieldqa_zh", "multi_news", "samsum", "trec", "passage_count", "passage_retrieval_en", "lcc"];
        EvalRow[] rows =
        [
            .. datasets.SelectMany(d => Rows("longbench", d, Variant.Full).Concat(Rows("longbench", d, SomeRows.Snap))), .. ((string[])["qasper", "trec", "lcc"]).SelectMany(d => Rows("longbench-e", d, SomeRows.Snap)),
            .. ((string[])["niah_single_4096", "vt_4096", "vt_8192"]).SelectMany(d => Rows("ruler", d, SomeRows.Snap)),
        ];
        ResultExports.LongBench([.. rows.Where(r => r.Suite != "ruler")], "org/llama", _temporary.Path);
        ResultExports.KvPress(rows, "org/llama", _temporary.Path);
        using var found = JsonDocument.Parse(Child.Output(_temporary.Path, python, Repository.Path("tests", "reference", "read_exports.py"), _temporary.Path));
        var runs = found.RootElement.EnumerateObject().ToDictionary(r => r.Name, r => r.Value);
        Assert.Equal(3 + 2 * 10 + 3 + 2, runs.Count);
        var scores = 0;
        foreach (var (name, run) in runs)
            foreach (var dataset in run.EnumerateObject())
            {
                Assert.True(JsonElement.DeepEquals(dataset.Value[0], dataset.Value[1]), $"{name} {dataset.Name}: stated {dataset.Value[0]}, read {dataset.Value[1]}");
                scores++;
            }
        Assert.Equal(2 * 10 + 3 + 2 * 10 + 3 + 2, scores);
        Assert.Equal(["niah_single", "vt"], runs["ruler__4096__org--llama__snapkv__0.75__query_aware"].GetProperty("metrics")[0].EnumerateObject().Select(t => t.Name));
        Assert.Contains("dtype: float32", File.ReadAllText(Path.Combine(_temporary.Path, "longbench__trec__org--llama__no_press__0.00__query_aware", "config.yaml")));
    }
}
