using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;

namespace HeadKvLab.Cli;

/// <summary><c>lab metric</c>: scores a file of predictions, ours or another program's.</summary>
internal static class MetricCommand
{
    internal static Command Create()
    {
        var dataset = new Option<string>("--dataset") { Description = "Name of the dataset, for example hotpotqa; decides the metric.", Required = true };
        var predictions = new Option<string>("--predictions") { Description = "JSON lines with pred, answers, all_classes and length, as LongBench's pred.py writes them.", Required = true };
        var metric = new Option<string?>("--metric") { Description = $"Another metric: {string.Join(", ", TextMetric.Names)}." };
        var dictionary = Options.Dictionary("");
        var byLength = new Option<bool>("--e") { Description = "Also LongBench-E's scores by length." };
        var json = Options.Json("Print {\"score\": ..., \"samples\": [...]}; samples are 0 to 1.");
        var command = new Command("metric", """
            Scores predictions as the dataset's official script does: best over the references, first line only where that is the rule, 100 times
            the mean with two decimals. Code is compared by insertions and deletions (what the official script gives with python-Levenshtein
            installed); code_sim_difflib is what it gives without. ROUGE-L is of texts of any length (rouge_l_any_length); the official script overflows
            Python's stack where two sentences together have some 1,000 words, as long texts without a full stop do, and scores 0: rouge_l_python_stack.

            Example:  lab metric --dataset hotpotqa --predictions pred/llama/hotpotqa.jsonl --json
            Example:  lab metric --dataset lcc --predictions lcc.jsonl --metric code_sim_difflib
            """) { dataset, predictions, metric, dictionary, byLength, json };
        command.SetAction(parse =>
        {
            parse.Note((parse.GetValue(metric) ?? Evaluation.Suites.KnownDatasets.Find(parse.GetRequiredValue(dataset)).Metric).Contains("_zh", StringComparison.Ordinal),
                "only the metrics of Chinese texts look at words", dictionary);
            var score = PredictionFile.Score(parse.GetRequiredValue(predictions), parse.GetRequiredValue(dataset), parse.GetValue(metric),
                parse.GetValue(dictionary) is { } words ? Segmenter.Load(words) : null, parse.GetValue(byLength));
            if (parse.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(score, BenchCommand.JsonOptions));
            else Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{score.Dataset}: {score.Score:0.00} ({score.Metric}, {score.Samples.Count} predictions){string.Concat(score.Buckets.Select(b => FormattableString.Invariant($"  {b.Key}: {b.Value:0.00}")))}"));
        });
        return command;
    }
}
