using System.Globalization;
using System.Text;
using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Evaluation.Suites;

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
                scores[set.Key] = run.Key.E ? Buckets([.. set]) : PredictionFile.Hundred([.. set.Select(r => r.Score)]);
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
    /// kvpress' shape: a folder <c>SUITE__DATASET__MODEL__PRESS__RATIO</c> for each data set and variant with <c>predictions.csv</c>, <c>metrics.json</c> and
    /// <c>config.yaml</c>; RATIO is the share of entries that were really removed.
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
        foreach (var run in ResultFolder.Ordered(rows).GroupBy(r => (r.Suite, r.Dataset, r.Protocol, r.Seed, r.Variant)))
        {
            var (suite, dataset, protocol, seed, variant) = run.Key;
            var removed = Math.Max(0, 1 - run.Average(r => r.Entries / ((double)r.PromptTokens * r.Heads)));
            var ratio = removed.ToString("0.00", CultureInfo.InvariantCulture);
            var name = string.Join("__", [suite, dataset, model.Replace("/", "--", StringComparison.Ordinal), Press(variant.Method), ratio, .. protocol == "agnostic" ? (string[])[] : ["query_aware"]]);
            var path = Path.Combine(folder, name);
            for (var i = 1; !taken.Add(path); i++) path = Path.Combine(folder, name, i.ToString(CultureInfo.InvariantCulture));
            Made(path);
            var csv = new StringBuilder("task,_id,answers,all_classes,length,predicted_answer,compression_ratio\n");
            foreach (var r in run)
                csv.AppendJoin(',', ((string[])[r.Dataset, r.Question, Python(r.Answers), r.AllClasses is null ? "" : Python(r.AllClasses), r.Length.ToString(CultureInfo.InvariantCulture), r.Prediction, ratio]).Select(ResultReport.Quote)).Append('\n');
            Write(path, "predictions.csv", csv.ToString());
            Write(path, "metrics.json", suite == "longbench-e" ? JsonSerializer.Serialize(Buckets([.. run])) : JsonSerializer.Serialize(PredictionFile.Hundred([.. run.Select(r => r.Score)])));
            Write(path, "config.yaml", string.Create(CultureInfo.InvariantCulture,
                $"dataset: {Yaml(suite)}\ndata_dir: {Yaml(dataset)}\nmodel: {Yaml(model)}\ndevice: cpu\npress_name: {Press(variant.Method)}\ncompression_ratio: {removed:0.######}\nfraction: 1.0\nmax_new_tokens: null\nmax_context_length: null\nquery_aware: {(protocol == "agnostic" ? "false" : "true")}\npress_init_command: {Yaml(variant.Key)}\nseed: {seed}\n"));
        }
        return files;

        void Write(string path, string file, string text)
        {
            ResultFolder.Replace(path, file, text);
            files.Add(Path.Combine(path, file));
        }
    }

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

    private static Dictionary<string, double> Buckets(IReadOnlyList<EvalRow> rows)
    {
        var scores = new Dictionary<string, double>();
        var from = 0;
        foreach (var (name, below) in Suites.LongBench.Buckets)
        {
            var inside = rows.Where(r => r.Length >= from && r.Length < below).Select(r => r.Score).ToArray();
            if (inside.Length > 0) scores[name] = PredictionFile.Hundred(inside);
            from = below;
        }
        return scores;
    }

    private static string Name(string model, string suite, string protocol, Variant variant, IReadOnlyList<EvalRow> all)
    {
        var several = all.Select(r => (r.Suite, r.Protocol)).Distinct().Count() > 1 ? $"-{suite}-{protocol}" : "";
        var settings = ResultReport.Settings([.. all.Select(r => r.Variant).Distinct()])(variant).Replace(", ", "-", StringComparison.Ordinal).Replace(' ', '-');
        return $"{model.Replace('/', '-')}-{variant.Method}{(variant.IsFull ? "" : "-" + variant.BudgetName.Replace(" %", "pct", StringComparison.Ordinal))}{settings}{several}";
    }

    /// <summary>The name of a method in kvpress, or ours in lower case where it has none.</summary>
    private static string Press(string method) => method switch
    {
        "FullKV" => "no_press", "SnapKV" => "snapkv", "PyramidKV" => "pyramidkv", "Ada-SnapKV" => "adakv_snapkv", "StreamingLLM" => "streaming_llm",
        "H2O" => "observed_attention", "TOVA" => "tova", "Knorm" => "knorm", "random" => "random",
        _ => method.ToLowerInvariant().Replace('-', '_'),
    };

    private static string Python(IEnumerable<string> texts) => "[" + string.Join(", ", texts.Select(t => "'" + t.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal) + "'")) + "]";

    private static string Yaml(string text) => JsonSerializer.Serialize(text, EvalRow.Json);
}
