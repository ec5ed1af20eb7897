using System.Globalization;
using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Tables;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>Results in the shapes of other tools, so that their scripts can read them.</summary>
public static class ResultExports
{
    /// <summary>
    /// LongBench's shape: <c>pred/NAME/DATASET.jsonl</c> with <c>pred, answers, all_classes, length</c>, and <c>pred/NAME/result.json</c>; NAME is model, method
    /// and budget. LongBench-E goes to <c>pred_e</c>, with a score for each bucket of length.
    /// </summary>
    /// <param name="rows">Rows of a results folder.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="folder">Where the files go.</param>
    /// <returns>The files written.</returns>
    /// <exception cref="LabException">The disk refuses.</exception>
    public static IReadOnlyList<string> LongBench(IReadOnlyList<EvalRow> rows, string model, string folder)
    {
        var files = new List<string>();
        foreach (var run in ResultFolder.Ordered(rows).GroupBy(r => (E: r.Suite == "longbench-e", r.Suite, r.Protocol, r.Seed, r.Variant)))
        {
            var path = Made(Path.Combine(folder, run.Key.E ? "pred_e" : "pred", Name(model, run.Key.Suite, run.Key.Protocol, run.Key.Variant, rows)));
            var scores = new SortedDictionary<string, object>(StringComparer.Ordinal);
            foreach (var set in run.GroupBy(r => r.Dataset))
            {
                var lines = set.Select(r => JsonSerializer.Serialize(new { pred = r.Prediction, answers = r.Answers, all_classes = r.AllClasses, length = r.Length }, EvalRow.Json) + "\n");
                Write(path, set.Key + ".jsonl", string.Concat(lines));
                scores[set.Key] = run.Key.E ? Buckets([.. set]) : Hundred(set);
            }
            Write(path, "result.json", JsonSerializer.Serialize(scores, new JsonSerializerOptions { WriteIndented = true }) + "\n");
        }
        return files;

        void Write(string path, string name, string text)
        {
            ResultFolder.Replace(path, name, text);
            files.Add(Path.Combine(path, name));
        }
    }

    /// <summary>
    /// kvpress' shape: a folder <c>SUITE__DATASET__MODEL__PRESS__RATIO</c> for each data set (each length of RULER) and variant with <c>predictions.csv</c>,
    /// <c>metrics.json</c> and <c>config.yaml</c>; RATIO is the share of entries that were really removed. Its scorers want <c>answers</c> of LongBench and
    /// <c>answer</c> of other suites; metrics are a number for LongBench, buckets for LongBench-E, else numbers by task.
    /// </summary>
    /// <param name="rows">Rows of a results folder.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="folder">Where the folders go.</param>
    /// <returns>The files written.</returns>
    /// <exception cref="LabException">The disk refuses.</exception>
    public static IReadOnlyList<string> KvPress(IReadOnlyList<EvalRow> rows, string model, string folder)
    {
        var files = new List<string>();
        var taken = new HashSet<string>();
        foreach (var run in ResultFolder.Ordered(rows).GroupBy(r => (r.Suite, Part: Task(r).Part, r.Protocol, r.Seed, r.Variant)))
        {
            var (suite, part, protocol, seed, variant) = run.Key;
            var removed = Math.Max(0, 1 - run.Average(r => r.Entries / ((double)r.PromptTokens * r.Heads)));
            var ratio = removed.ToString("0.00", CultureInfo.InvariantCulture);
            var (dataset, longBench) = (suite == "loogle-files" ? "loogle" : suite, suite.StartsWith("longbench", StringComparison.Ordinal));
            var name = string.Join("__", [dataset, part, model.Replace("/", "--", StringComparison.Ordinal), Press(variant), ratio, .. protocol == "agnostic" ? (string[])[] : ["query_aware"]]);
            var path = Path.Combine(folder, name);
            for (var i = 1; !taken.Add(path); i++) path = Path.Combine(folder, name, i.ToString(CultureInfo.InvariantCulture));
            Made(path);
            Write(path, "predictions.csv", Table.Of("", run,
                ("task", r => Task(r).Name), ("_id", r => r.Question), (longBench ? "answers" : "answer", r => longBench || suite == "ruler" ? Python(r.Answers) : r.Answers[0]),
                ("all_classes", r => r.AllClasses is null ? null : Python(r.AllClasses)), ("length", r => r.Length), ("predicted_answer", r => r.Prediction), ("compression_ratio", _ => ratio)).ToCsv());
            Write(path, "metrics.json", suite switch
            {
                "longbench-e" => JsonSerializer.Serialize(Buckets([.. run])),
                "longbench" => JsonSerializer.Serialize(Hundred(run)),
                _ => JsonSerializer.Serialize(run.GroupBy(r => Task(r).Name).ToDictionary(t => t.Key, t => new Dictionary<string, double> { [suite == "ruler" ? "string_match" : t.First().Metric] = Hundred(t) })),
            });
            Write(path, "config.yaml", string.Create(CultureInfo.InvariantCulture,
                $"dataset: {Yaml(dataset)}\ndata_dir: {Yaml(part)}\nmodel: {Yaml(model)}\ndevice: cpu\npress_name: {Press(variant)}\ncompression_ratio: {removed:0.######}\nkey_channel_compression_ratio: null\nfraction: 1.0\nmax_new_tokens: null\nmax_context_length: null\nquery_aware: {(protocol == "agnostic" ? "false" : "true")}\nneedle_depth: null\nmodel_kwargs:\n  dtype: {run.First().Type}\npress_init_command: {Yaml(variant.Key)}\nseed: {seed}\n"));
        }
        return files;

        void Write(string path, string file, string text)
        {
            ResultFolder.Replace(path, file, text);
            files.Add(Path.Combine(path, file));
        }
    }

    /// <summary>What kvpress calls task and data_dir: RULER's tasks are run together by length, of other suites each data set apart.</summary>
    private static (string Name, string Part) Task(EvalRow row) =>
        row.Suite == "ruler" && row.Dataset.LastIndexOf('_') is > 0 and var at ? (row.Dataset[..at], row.Dataset[(at + 1)..]) : (row.Dataset, row.Dataset);

    private static double Hundred(IEnumerable<EvalRow> rows) => PredictionFile.Hundred([.. rows.Select(r => r.Score)]);

    private static string Made(string folder)
    {
        try
        {
            return Directory.CreateDirectory(folder).FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{folder}: cannot be made: {e.Message}; give another --out", e);
        }
    }

    private static Dictionary<string, double> Buckets(IEnumerable<EvalRow> rows) => Suites.LongBench.Buckets
        .Select(bucket => (bucket.Name, Rows: rows.Where(r => Suites.LongBench.BucketOf(r.Length) == bucket.Name).ToArray())).Where(b => b.Rows.Length > 0).ToDictionary(b => b.Name, b => Hundred(b.Rows));

    private static string Name(string model, string suite, string protocol, Variant variant, IReadOnlyList<EvalRow> all)
    {
        var several = all.Select(r => (r.Suite, r.Protocol)).Distinct().Count() > 1 ? $"-{suite}-{protocol}" : "";
        var settings = ResultReport.Suffixes(all.Select(r => r.Variant))(variant).Replace(", ", "-", StringComparison.Ordinal).Replace(' ', '-');
        return $"{model.Replace('/', '-')}-{(variant with { Layers = null }).Name.Replace(' ', '-')}{Shared("-", variant)}{(variant.IsFull ? "" : "-" + variant.BudgetName.Replace(" %", "pct", StringComparison.Ordinal))}{settings}{several}";
    }

    /// <summary>The name of a variant's method in kvpress, and its schedule, format, recall and layer map behind it.</summary>
    private static string Press(Variant variant) => Press(variant.Method) + (variant.Schedule == Compression.Catalogue.Never ? "" : "_" + variant.Schedule.Replace(' ', '_'))
        + (variant.Format is null ? "" : "_" + Compression.FormatCatalogue.Short(variant.Format).Replace(' ', '_'))
        + (variant.Reducer is null ? "" : "_" + Reducers.ReducerCatalogue.Short(variant.Reducer).ToLowerInvariant().Replace(' ', '_'))
        + (variant.Recall is null ? "" : "_" + Compression.RecallCatalogue.Short(variant.Recall).ToLowerInvariant().Replace(' ', '_'))
        + Shared("_", variant);

    /// <summary>A layer map in the name of a file, <c>share-5-1-4-0</c>; empty where there is none.</summary>
    private static string Shared(string before, Variant variant) => variant.Layers is null ? "" : before + variant.Layers.Replace('(', '-').Replace('>', '-').Replace(',', '-').TrimEnd(')');

    /// <summary>The name of a method in kvpress, or ours in lower case where it has none.</summary>
    private static string Press(string method) => Compression.Catalogue.Methods.FirstOrDefault(m => m.Name == method)?.KvPress ?? method.ToLowerInvariant().Replace('-', '_').Replace("+", "_plus", StringComparison.Ordinal);

    /// <summary>A list of texts as a Python literal.</summary>
    private static string Python(IEnumerable<string> texts) => "[" + string.Join(", ", texts.Select(text => "'" + string.Concat(text.Select(c => c switch
    {
        '\\' or '\'' => $"\\{c}",
        < ' ' or '\x7f' => $"\\x{(int)c:x2}",
        _ => c.ToString(),
    })) + "'")) + "]";

    private static string Yaml(string text) => JsonSerializer.Serialize(text, EvalRow.Json);
}
