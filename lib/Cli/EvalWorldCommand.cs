using System.CommandLine;
using System.Globalization;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Models;
using HeadKvLab.Tables;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab eval world</c>: what a model of the synthetic world answers with its full cache, by family and length.</summary>
internal static class EvalWorldCommand
{
    internal static Command Create()
    {
        var model = Options.Model();
        var lengths = Options.Counts<int>("--lengths", "Prompt lengths in tokens, answer included.", "512,1024,2048,4096,8000");
        var questions = new Option<int>("--questions") { Description = "Questions of each family and length.", DefaultValueFactory = _ => 200 };
        var split = Options.Named("--split", "validation, for choosing settings, or test.", WorldSplit.Test, WorldSuite.Splits);
        var seed = Options.Seed("Seed of the questions; other seeds give other ones of the same split.", 0);
        var (families, weights) = (Options.Families(), Options.DecodeWeights());
        var command = new Command("world", """
            Asks a model of the synthetic world questions of every family at every length, with its full cache and greedily, and prints
            two tables in Markdown: exact match and token accuracy, each with a 95 % interval (bootstrap over contexts) and the number of
            questions. The questions are made on the spot, as `lab world make` would write them; training never saw them.

            Example:  lab eval world --lengths 512,2048 --questions 50
            """) { model, lengths, questions, split, seed, families, weights };
        command.SetAction((parse, stop) =>
        {
            if (parse.GetValue(questions) < 1) throw new LabException($"--questions {parse.GetValue(questions)}: ask for at least 1");
            var (asked, which, each) = (parse.Read(families), parse.Read(split), parse.GetValue(questions));
            using var loaded = LanguageModel.Load(parse.GetRequiredValue(model), precision: parse.Read(weights));
            return Task.FromResult(Run(loaded, asked, [.. parse.Read(lengths).Select(length => (length, WorldSuite.Make(which, length, each, parse.GetValue(seed), families: asked)))], stop));
        });
        return command;
    }

    private static int Run(LanguageModel model, IReadOnlyList<WorldFamily> families, IReadOnlyList<(int Length, WorldSuite Suite)> suites, CancellationToken stop)
    {
        var rows = new List<(int Length, EvalRow Row)>();
        var plan = new EvaluationPlan([], []) { Protocol = Protocol.Standard with { MostPromptTokens = model.Config.MaxPositions } };   // 8,000 tokens are asked whole
        foreach (var (length, suite) in suites)
            rows.AddRange(SuiteEvaluation.Run(model, suite.ToSamples(), plan, progress => Report(length, progress), stop).Select(row => (length, row)));
        int[] lengths = [.. suites.Select(s => s.Length)];
        Console.WriteLine(Table("Exact match", families, lengths, rows, r => r.Score));
        Console.WriteLine(Table("Token accuracy", families, lengths, rows, r => r.TokenAccuracy ?? double.NaN));
        if (FailedSamples.InWords([.. rows.Select(r => r.Row)]) is not { } failed) return 0;
        Console.Error.WriteLine(failed);
        return 1;
    }

    /// <summary>One figure of each family and length, as a table in Markdown.</summary>
    internal static string Table(string figure, IReadOnlyList<WorldFamily> families, int[] lengths, IReadOnlyList<(int Length, EvalRow Row)> rows, Func<EvalRow, double> value)
    {
        return Tables.Table.Of("", families,
        [
            (figure, family => $"`{family.Name()}`"),
            .. lengths.Select(l => (new Column(string.Create(CultureInfo.InvariantCulture, $"{l} tokens")), (Func<WorldFamily, object?>)(family => Cell(rows.Where(r => r.Length == l && r.Row.Dataset == $"world_{family.Name()}"))))),
        ]).ToMarkdown();

        string Cell(IEnumerable<(int Length, EvalRow Row)> of)
        {
            (string, double)[] samples = [.. of.Select(r => (r.Row.Context, value(r.Row)))];
            var mean = Bootstrap.Mean(samples);
            return string.Create(CultureInfo.InvariantCulture, $"{mean.Mean:0.00} [{mean.Low:0.00}, {mean.High:0.00}] ({samples.Length})");
        }
    }

    private static void Report(int length, EvalProgress progress)
    {
        if (progress.Done == progress.Total || progress.Done % 20 == 0) Console.Error.WriteLine($"{length} tokens: {progress.Done} of {progress.Total} questions");
    }
}
