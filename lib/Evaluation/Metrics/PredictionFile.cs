using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Evaluation.Metrics;

/// <summary>The score of a file of predictions.</summary>
/// <param name="Dataset">The dataset.</param>
/// <param name="Metric">The metric, the variant named.</param>
/// <param name="Score">100 times the mean, rounded to two decimals as the official script does.</param>
/// <param name="Samples">Score of each prediction, 0 to 1.</param>
/// <param name="Buckets">LongBench-E's scores by length; empty unless asked for.</param>
public sealed record PredictionScore(string Dataset, string Metric, double Score, IReadOnlyList<double> Samples, IReadOnlyDictionary<string, double> Buckets);

/// <summary>Scores predictions in LongBench's form, whatever program made them: <c>pred, answers, all_classes, length</c> on each line.</summary>
public static class PredictionFile
{
    /// <summary>Scores a file.</summary>
    /// <param name="path">JSON lines.</param>
    /// <param name="dataset">Name of the dataset; decides metric and first-line rule.</param>
    /// <param name="metric">Another metric than the dataset's, or null.</param>
    /// <param name="dictionary">Chinese words, or null.</param>
    /// <param name="byLength">Also score LongBench-E's buckets.</param>
    /// <exception cref="LabException">The file is broken or the name unknown.</exception>
    public static PredictionScore Score(string path, string dataset, string? metric = null, Segmenter? dictionary = null, bool byLength = false)
    {
        var info = KnownDatasets.Find(dataset);
        var scorer = TextMetric.Named(metric ?? info.Metric, dictionary);
        var lines = JsonLines.Read(path).Select(line => (line.Number, Prediction: line.Text("pred"), Answers: line.Texts("answers"), Classes: line.TextsOrNull("all_classes"),
            Question: line.TextOrEmpty("question"), Length: byLength ? line.Whole("length") : 0)).ToArray();
        if (lines.Length == 0) throw new LabException($"{path}: the file holds no prediction; each line needs pred and answers");
        if (lines.FirstOrDefault(l => l.Answers.Length == 0) is { Answers: { } } bare) throw new LabException($"{path}, line {bare.Number}: 'answers' is empty, so that nothing can be scored; leave the line out");
        var classes = lines[^1].Classes ?? [];                       // the official script uses the last record's for all
        if (lines.FirstOrDefault(l => !scorer.CanScore(new Reference(l.Answers, classes))) is { Answers: { } } impossible)
            throw new LabException($"{path}, line {impossible.Number}: the answer '{string.Join("', '", impossible.Answers)}' is none of the {classes.Length} classes that the last line lists in all_classes, so that no prediction could score; correct answers or all_classes");
        double[] samples = [.. lines.Select(l => scorer.Score(info.FirstLine ? FirstLine(l.Prediction) : l.Prediction, new Reference(l.Answers, classes, l.Question)))];
        var buckets = new Dictionary<string, double>();
        foreach (var (name, _) in byLength ? LongBench.Buckets : [])
        {
            var inside = samples.Where((_, i) => LongBench.BucketOf(lines[i].Length) == name).ToArray();
            if (inside.Length > 0) buckets[name] = Hundred(inside);
        }
        return new(dataset, scorer.Name, Hundred(samples), samples, buckets);
    }

    /// <summary>What is scored where only the first line counts.</summary>
    public static string FirstLine(string prediction) => prediction.TrimStart('\n').Split('\n')[0];

    /// <summary>100 times the mean, two decimals.</summary>
    public static double Hundred(IReadOnlyCollection<double> samples) => PythonText.Round2(100 * samples.Sum() / samples.Count);
}
