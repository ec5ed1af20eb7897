using System.CommandLine;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Cli;

/// <summary><c>lab report</c>: a results folder as tables, or in the shape of another tool.</summary>
internal static class ReportCommand
{
    internal static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "Results folder of `lab eval`, `lab sweep` or `lab merge`." };
        var form = new Option<string>("--as") { Description = "markdown, csv, jsonl, comparisons, times, turns (of conversations); or longbench, kvpress: files in the shape of those tools.", DefaultValueFactory = _ => "markdown" };
        form.AcceptOnlyFromAmong("markdown", "csv", "jsonl", "comparisons", "times", "turns", "longbench", "kvpress");
        var compare = new Option<string?>("--compare") { Description = "Methods to compare in pairs, chosen before looking at the results; all of them where it is not given. Fewer pairs need fewer contexts." };
        var output = Options.Out("Where files of longbench and kvpress go; FOLDER/export where it is not given.");
        var command = new Command("report", """
            Prints the results of a folder, with the published figures beside ours where model and data sets are the paper's, or
            writes them as LongBench's pred/NAME/DATASET.jsonl and result.json, or as kvpress' result folders.

            Example:  lab report results/world --as csv
            Example:  lab report results/world --compare SnapKV,HeadKV-R2
            Example:  lab report results/llama --as longbench --out export && python LongBench/eval.py --model NAME
            """) { folder, form, compare, output };
        command.SetAction(parse =>
        {
            var path = parse.GetRequiredValue(folder);
            parse.Refuse(parse.GetRequiredValue(form) is "markdown" or "comparisons", "this form compares no methods; leave it out, or give --as markdown or comparisons", compare);
            parse.Refuse(parse.GetRequiredValue(form) is "longbench" or "kvpress", "this form is printed; redirect it, or give --as longbench or kvpress", output);
            var card = ResultFolder.ReadCard(path) ?? throw new LabException($"{path}: no results folder (run.json is missing); `lab eval` makes one");
            var rows = RowJournal.Read(Path.Combine(path, "rows.jsonl"));
            if (rows.Count == 0) throw new LabException($"{path}: there are no samples yet");
            var compared = parse.GetValue(compare) is { } names ? Only(rows, Options.Split(names)) : rows;
            var (model, export) = (Path.GetFileName(Path.TrimEndingDirectorySeparator(card.ModelFolder)), parse.GetValue(output) ?? Path.Combine(path, "export"));
            switch (parse.GetRequiredValue(form))
            {
                case "csv": Console.Write(ResultReport.Csv(ScoreCells.Of(rows))); break;
                case "jsonl": foreach (var row in ResultFolder.Ordered(rows)) Console.Write(row.ToLine()); break;
                case "comparisons": Console.Write(ResultReport.ComparisonCsv(Comparisons.Of(compared))); break;
                case "times": Console.Write(ResultReport.TimeCsv(rows)); break;
                case "turns": Console.Write(TurnReport.Csv(TurnGaps.Of(rows)) is { Length: > 0 } turns ? turns : throw new LabException($"{path}: there are no conversations of two turns and more; give another --as")); break;
                case "longbench": Console.WriteLine($"{ResultExports.LongBench(rows, model, export).Count} files in {export}"); break;
                case "kvpress": Console.WriteLine($"{ResultExports.KvPress(rows, model, export).Count} files in {export}"); break;
                default: EvalDriver.Print(path, rows, compared); break;
            }
            if (rows.Count < card.Samples) Console.Error.WriteLine($"{rows.Count} of {card.Samples} samples: the run is not finished");
            return 0;
        });
        return command;
    }

    private static IReadOnlyList<EvalRow> Only(IReadOnlyList<EvalRow> rows, string[] methods)
    {
        var there = rows.SelectMany(r => new[] { r.Variant.Method, r.Variant.Name }).Distinct().ToArray();
        if (methods.FirstOrDefault(m => !there.Contains(m)) is { } unknown) throw new LabException($"--compare {unknown}: not in this folder, which has {string.Join(", ", rows.Select(r => r.Variant.Name).Distinct())}");
        return [.. rows.Where(r => methods.Contains(r.Variant.Name) || methods.Contains(r.Variant.Method))]; // a method alone: whatever its schedule
    }
}
