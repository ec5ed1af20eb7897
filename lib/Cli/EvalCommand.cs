using System.CommandLine;
using System.Text.Json;
using HeadKvLab.Charts;
using HeadKvLab.Evaluation;
using HeadKvLab.Eviction;
using HeadKvLab.Heads;
using HeadKvLab.Models;
using HeadKvLab.Training.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab eval</c>: methods and budgets on a suite.</summary>
internal static class EvalCommand
{
    internal static Command Create()
    {
        var suite = new Argument<string>("suite") { Description = "JSON lines of a world suite, for example data/suites/world-2048-test.jsonl." };
        var model = new Option<string>("--model") { Description = "Model folder.", DefaultValueFactory = _ => "data/models/world-4m" };
        var methods = new Option<string>("--methods") { Description = "Names, separated by commas; see `lab methods`.", DefaultValueFactory = _ => "StreamingLLM,SnapKV,HeadKV-R2,HeadKV-R2-shuffled" };
        var shares = new Option<string>("--shares") { Description = "Budgets as shares of the prompt's entries.", DefaultValueFactory = _ => "0.03,0.06,0.12" };
        var discipline = new Option<string>("--discipline") { Description = "as-published, equal-entries or equal-bytes.", DefaultValueFactory = _ => "equal-entries" };
        var first = new Option<string>("--first-token") { Description = "recompute-last (the honest one) or full-first (as published).", DefaultValueFactory = _ => "recompute-last" };
        var limit = new Option<int>("--limit") { Description = "Questions of each family.", DefaultValueFactory = _ => int.MaxValue };
        var byFamily = new Option<bool>("--by-family") { Description = "One line for each family of questions." };
        var rows = new Option<string?>("--out") { Description = "Also write every answer to this JSON lines file." };
        var command = new Command("eval", """
            Answers a suite's questions with the full cache and under every method and budget, greedily, and prints exact match
            and token accuracy with 95 % intervals (bootstrap over contexts).

            Example:  lab eval data/suites/world-2048-test.jsonl --methods SnapKV,HeadKV-R2 --shares 0.03,0.06
            """) { suite, model, methods, shares, discipline, first, limit, byFamily, rows };
        command.Add(EvalWorldCommand.Create());
        command.SetAction((parse, stop) => Task.FromResult(Run(parse.GetRequiredValue(suite), parse.GetRequiredValue(model), parse.GetRequiredValue(methods), parse.GetRequiredValue(shares),
            parse.GetRequiredValue(discipline), parse.GetRequiredValue(first), parse.GetValue(limit), parse.GetValue(byFamily), parse.GetValue(rows), stop)));
        return command;
    }

    private static int Run(string suitePath, string folder, string methods, string shares, string discipline, string first, int limit, bool byFamily, string? output, CancellationToken stop)
    {
        var suite = WorldSuite.Load(suitePath).ToQuestions().Take(limit);
        var model = LanguageModel.Load(folder);
        var importances = HeadScoreFolder.Load(folder, model.Config);
        var plan = new EvaluationPlan([.. Words(methods).Select(name => Catalogue.Find(name).Create(null, importances)).Where(m => !m.KeepsAll)], [.. Words(shares).Select(Share)])
        {
            Discipline = Budget.ParseDiscipline(discipline),
            FirstToken = first switch
            {
                "recompute-last" => FirstToken.RecomputeLast,
                "full-first" => FirstToken.FullFirst,
                _ => throw new LabException($"first token '{first}' is unknown: use recompute-last or full-first"),
            },
        };
        var results = new List<ResultRow>();
        using var file = output is null ? null : new StreamWriter(output);
        foreach (var row in SuiteEvaluation.Run(model, suite, plan, (done, all) => Console.Error.Write($"\r{done} of {all} questions "), stop))
        {
            results.Add(row);
            file?.WriteLine(JsonSerializer.Serialize(row));
        }
        Console.Error.WriteLine();
        Console.WriteLine((byFamily ? ScoreTable.ByFamily(results) : ScoreTable.Of(results)).ToString());
        return 0;
    }

    private static string[] Words(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static double Share(string text) =>
        double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var share) && share is > 0 and <= 1 ? share
            : throw new LabException($"budget share '{text}': give numbers above 0 and at most 1, for example 0.03,0.06");
}
