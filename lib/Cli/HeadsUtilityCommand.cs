using System.CommandLine;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads utility</c>: what more entries would hold, head by head.</summary>
internal static class HeadsUtilityCommand
{
    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder.");
        var needles = new Option<string>("--needles") { Description = "Folder with needles-r.jsonl, needles-r2.jsonl, haystack.txt.", DefaultValueFactory = _ => "data/suites/needles" };
        var output = Options.Out("Folder of utility.json and lukv.npy. Default: MODEL/heads.");
        var shortest = new Option<int>("--shortest") { Description = "Tokens of the shortest prompts.", DefaultValueFactory = _ => 256 };
        var longest = new Option<int>("--longest") { Description = "Tokens of the longest prompts.", DefaultValueFactory = _ => 2048 };
        var lengths = new Option<int>("--lengths") { Description = "Number of lengths.", DefaultValueFactory = _ => 5 };
        var depths = new Option<int>("--depths") { Description = "Number of depths.", DefaultValueFactory = _ => 10 };
        var command = new Command("utility", """
            Measures, on the two-fact needles that HeadKV-R2's scores come from, how much of the right answer's attention each KV head
            holds in the entries that a scorer thinks best, at 1 to 100 per cent of them: what Utility-SnapKV divides budgets by, where
            they gain most. Writes utility.json (SnapKV's order) and lukv.npy, the same of Expected Attention's order in LU-KV's form,
            each with a card. Only tests count whose answer the model gives.

            Example:  lab heads utility --model data/models/world-4m
            """) { model, needles, output, shortest, longest, lengths, depths };
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var (folder, source) = (parse.GetRequiredValue(model), parse.GetRequiredValue(needles));
            using var loaded = LanguageModel.Load(folder);
            var set = NeedleSet.Load(source);
            var target = HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads"));
            var grid = HaystackGrid.Even(parse.GetValue(shortest), parse.GetValue(longest), parse.GetValue(lengths), parse.GetValue(depths));
            UtilityBase snap = new(Catalogue.Find("SnapKV").Create().Scorer), expected = new(new KeepFirst(new ExpectedAttention(CatalogueSettings.LuKvEpsilon), CatalogueSettings.LuKvSinks), 1);
            var (curves, run, passed) = UtilityProfile.Measure(loaded, set, set.Reasoning, grid, [snap, expected], (done, all, counted) =>
            {
                if (done % 10 == 0 || done == all) Console.Error.Write($"\r{done} of {all} tests, {counted} counted ");
            }, stop);
            HeadScoreCard Card(string what) => new(loaded.Hash, what, $"retrieval-reasoning, {source}", new ScoringPlan().ToString(), run, passed, 0);
            string utility = Path.Combine(target, TableKinds.Utility.File), removal = Path.Combine(target, TableKinds.LuKv.File);
            UtilityFile.Write(utility, curves[0], Card("attention that SnapKV's best entries hold"));
            UtilityFile.Write(removal, RemovalCurves.Of(curves[1]), Card("removal curves of ExpectedAttention's order"));
            Console.Error.WriteLine($"\n{utility}, {removal}: {passed} of {run} tests counted");
        }));
        return command;
    }
}
