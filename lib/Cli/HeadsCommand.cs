using System.CommandLine;
using HeadKvLab.Heads;
using HeadKvLab.Models;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads</c>: importance of each head.</summary>
internal static class HeadsCommand
{
    internal static Command Create() => new("heads", "Importance of each attention head, measured on needles.") { Score(), Show() };

    private static Command Score()
    {
        var model = new Option<string>("--model") { Description = "Model folder.", Required = true };
        var needles = new Option<string>("--needles") { Description = "Folder with needles-r.jsonl, needles-r2.jsonl, haystack.txt.", DefaultValueFactory = _ => "data/suites/needles" };
        var output = new Option<string?>("--out") { Description = "Folder of the score files. Default: MODEL/heads." };
        var shortest = new Option<int>("--shortest") { Description = "Tokens of the shortest prompts.", DefaultValueFactory = _ => 256 };
        var longest = new Option<int>("--longest") { Description = "Tokens of the longest prompts.", DefaultValueFactory = _ => 2048 };
        var lengths = new Option<int>("--lengths") { Description = "Number of lengths.", DefaultValueFactory = _ => 5 };
        var depths = new Option<int>("--depths") { Description = "Number of depths.", DefaultValueFactory = _ => 10 };
        var command = new Command("score", """
            Hides needles in a haystack, lets the model answer with its full cache, and scores every query head by its attention
            while the right answer is being generated. Writes three files in the authors' JSON form, each with a card beside it:
            retrieval.json (Eq. 1), enhanced-retrieval.json (Eq. 2 on the same needles), reasoning.json (Eq. 2 on two-fact needles).

            Example:  lab heads score --model data/models/world-4m
            """) { model, needles, output, shortest, longest, lengths, depths };
        command.SetAction((parse, stop) => Task.FromResult(RunScore(parse.GetRequiredValue(model), parse.GetRequiredValue(needles), parse.GetValue(output),
            HaystackGrid.Even(parse.GetValue(shortest), parse.GetValue(longest), parse.GetValue(lengths), parse.GetValue(depths)), stop)));
        return command;
    }

    private static int RunScore(string folder, string needles, string? output, HaystackGrid grid, CancellationToken stop)
    {
        var model = LanguageModel.Load(folder);
        var set = NeedleSet.Load(needles);
        output ??= Path.Combine(folder, "heads");
        Directory.CreateDirectory(output);
        try
        {
            var retrieval = HeadScoring.Run(model, set, set.Retrieval, grid, (done, all, passed) => Report("retrieval", done, all, passed), stop);
            Write("retrieval.json", retrieval.Retrieval, "eq1", "retrieval", retrieval.TestsRun);
            Write("enhanced-retrieval.json", retrieval.Reasoning, "eq2", "retrieval", retrieval.TestsRun);
            var reasoning = HeadScoring.Run(model, set, set.Reasoning, grid, (done, all, passed) => Report("retrieval-reasoning", done, all, passed), stop);
            Write("reasoning.json", reasoning.Reasoning, "eq2", "retrieval-reasoning", reasoning.TestsRun);
            return 0;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("\nstopped; files already written are complete.");
            return 130;
        }

        void Write(string name, HeadScores scores, string score, string kind, int run)
        {
            if (scores.Tests == 0) throw new LabException($"{folder}: answered none of {run} {kind} needles, so that its heads cannot be scored; use shorter prompts (--longest) or another model.");
            HeadScoreFile.Write(Path.Combine(output, name), scores, new HeadScoreCard(model.Hash, score, $"{kind}, {needles}", "clean", run, scores.Tests, 0));
            Console.Error.WriteLine($"\n{Path.Combine(output, name)}: {scores.Tests} of {run} tests passed");
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
