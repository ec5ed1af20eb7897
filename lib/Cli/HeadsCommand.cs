using System.CommandLine;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Calibration;
using HeadKvLab.Models;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads</c>: tables of a model, of them here the importance of each head.</summary>
internal static class HeadsCommand
{
    internal static Command Create() => new("heads", """
        What is measured once for a model and methods compute with: importance of each attention head, shares of the layers, how much heads
        change their input, what their queries have in common, which layers can share entries, what prompts give to heads when they are read again,
        what answers find in more entries.

        Example:  lab heads show data/models/world-4m/heads/reasoning.json
        """) { Score(), Show(), HeadsPrefixCommand.Create(), HeadsChangeCommand.Create(), HeadsTiersCommand.Create(), HeadsQueriesCommand.Filters(), HeadsQueriesCommand.Moments(), HeadsShareCommand.Create(), HeadsLatentCommand.Create(), HeadsKvZipCommand.Create(), HeadsUtilityCommand.Create() };

    private static Command Score()
    {
        var model = Options.NeededModel("Model folder.");
        var needles = new Option<string>("--needles") { Description = "Folder with needles-r.jsonl, needles-r2.jsonl, haystack.txt.", DefaultValueFactory = _ => "data/suites/needles" };
        var output = Options.Out("Folder of the score files. Default: MODEL/heads.");
        var shortest = new Option<int>("--shortest") { Description = "Tokens of the shortest prompts.", DefaultValueFactory = _ => 256 };
        var longest = new Option<int>("--longest") { Description = "Tokens of the longest prompts.", DefaultValueFactory = _ => 2048 };
        var lengths = new Option<int>("--lengths") { Description = "Number of lengths.", DefaultValueFactory = _ => 5 };
        var depths = new Option<int>("--depths") { Description = "Number of depths.", DefaultValueFactory = _ => 10 };
        var protocol = new Option<string>("--protocol") { Description = "clean (one begin-of-text mark, chat template) or reference (the published prompts, token by token).", DefaultValueFactory = _ => "clean" };
        var form = new Option<string?>("--form") { Description = "paper or code, where the formulas differ. Default: paper for clean, code for reference." };
        protocol.CompletionSources.Add([.. Names<HaystackProtocol>.All]);
        form.CompletionSources.Add([.. Names<ScoreForm>.All]);
        var command = new Command("score", """
            Hides needles in a haystack, lets the model answer with its full cache, and scores every query head by its attention
            while the right answer is being generated. Writes three files in the authors' JSON form, each with a card beside it:
            retrieval.json (Eq. 1), enhanced-retrieval.json (Eq. 2 on the same needles), reasoning.json (Eq. 2 on two-fact needles).
            Only tests whose answer overlaps the right one by more than a half count. A run that is ended remembers its finished
            tests in OUT/*.unfinished.jsonl; the same command goes on from there.

            --protocol reference with --shortest 0 --longest 10000 is the published run of HeadKV.

            Example:  lab heads score --model data/models/world-4m
            """) { model, needles, output, shortest, longest, lengths, depths, protocol, form };
        command.SetAction((parse, stop) =>
        {
            var chosen = Names<HaystackProtocol>.Parse(parse.GetRequiredValue(protocol), "--protocol");
            var reading = parse.GetValue(form) is { } name ? Names<ScoreForm>.Parse(name, "--form") : chosen == HaystackProtocol.Clean ? ScoreForm.Paper : ScoreForm.Code;
            var plan = new ScoringPlan(chosen, reading) { Recall = reading == ScoreForm.Code ? Rouge1.Recall : null };
            return Task.FromResult(RunScore(parse.GetRequiredValue(model), parse.GetRequiredValue(needles), parse.GetValue(output),
                HaystackGrid.Even(parse.GetValue(shortest), parse.GetValue(longest), parse.GetValue(lengths), parse.GetValue(depths)), plan, stop));
        });
        return command;
    }

    private static int RunScore(string folder, string needles, string? output, HaystackGrid grid, ScoringPlan plan, CancellationToken stop)
    {
        using var model = LanguageModel.Load(folder);
        var set = NeedleSet.Load(needles);
        output = Made(output ?? Path.Combine(folder, "heads"));
        string Journal(string kind) => Path.Combine(output, kind + ".unfinished.jsonl");
        try
        {
            var retrieval = Run("retrieval", set.Retrieval);
            Write("retrieval.json", retrieval.Retrieval, "eq1", "retrieval", retrieval.TestsRun);
            Write("enhanced-retrieval.json", retrieval.Reasoning, "eq2", "retrieval", retrieval.TestsRun);
            var reasoning = Run("retrieval-reasoning", set.Reasoning);
            Write("reasoning.json", reasoning.Reasoning, "eq2", "retrieval-reasoning", reasoning.TestsRun);
            foreach (var kind in new[] { "retrieval", "retrieval-reasoning" }) File.Delete(Journal(kind));
            return 0;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("\nstopped; the same command goes on from here.");
            return 130;
        }

        HeadScoreResult Run(string kind, IReadOnlyList<Needle> chosen) =>
            HeadScoring.Run(model, set, chosen, grid, plan with { Journal = Journal(kind) }, (done, all, passed) => Report(kind, done, all, passed), stop);

        void Write(string name, HeadScores scores, string score, string kind, int run)
        {
            if (scores.Tests == 0) throw new LabException($"{folder}: answered none of {run} {kind} needles, so that its heads cannot be scored; use shorter prompts (--longest) or another model.");
            HeadScoreFile.Write(Path.Combine(output, name), scores, new HeadScoreCard(model.Hash, score, $"{kind}, {needles}", plan.ToString(), run, scores.Tests, 0));
            Console.Error.WriteLine($"\n{Path.Combine(output, name)}: {scores.Tests} of {run} tests passed");
        }
    }

    /// <summary>A folder for tables, made before anything is measured.</summary>
    /// <exception cref="LabException">It cannot be made.</exception>
    internal static string Made(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{folder}: cannot be made: {e.Message}; give another --out", e);
        }
    }

    private static void Report(string kind, int done, int all, int passed)
    {
        if (done % 10 == 0 || done == all) Console.Error.Write($"\r{kind}: {done} of {all} tests, {passed} passed ");
    }

    private static Command Show()
    {
        var file = new Argument<string>("file") { Description = "Score file." };
        var top = new Option<int>("--top") { Description = "Heads to list.", DefaultValueFactory = _ => 10 };
        var command = new Command("show", "Lists the most important heads and draws all of them as a map of shades.\n\nExample:  lab heads show data/models/world-4m/heads/reasoning.json") { file, top };
        command.SetAction(parse =>
        {
            var scores = HeadScoreFile.Read(parse.GetRequiredValue(file));
            var means = scores.Means();
            var total = means.Values.ToArray().Sum();
            Console.WriteLine($"{scores.Layers} layers of {scores.QueryHeads} query heads, {scores.Tests} tests\n\n head    mean     s.e.   share");
            foreach (var (layer, head) in means.Ranked().Take(parse.GetValue(top)))
                Console.WriteLine(FormattableString.Invariant($"{$"{layer}-{head}",5} {means[layer, head],8:0.0000} {scores.StandardError(layer, head),8:0.0000} {means[layer, head] / total,6:0.0%}"));
            var largest = means.Values.ToArray().Max();
            Console.WriteLine("\nlayer down, head across:");
            for (var layer = 0; layer < scores.Layers; layer++)
                Console.WriteLine($"{layer,5} {string.Concat(Enumerable.Range(0, scores.QueryHeads).Select(head => " .:-=+*#%@"[(int)Math.Ceiling(9 * means[layer, head] / largest)]))}");
        });
        return command;
    }
}
