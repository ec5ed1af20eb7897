using System.CommandLine;
using System.Text.Json;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads tiers</c>: BaKlaVa's settings, chosen by the loss on texts.</summary>
internal static class HeadsTiersCommand
{
    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder; its heads folder holds change.json.");
        var kvSize = new Option<int>("--kv-size") { Description = "Nominal entries per head, window included; the choice holds for it.", Required = true };
        var window = Options.Window("Last tokens always kept, whose queries vote.");
        var scored = new Option<int>("--scored") { Description = "Last tokens of each text that are scored.", DefaultValueFactory = _ => 256 };
        var scores = Options.Scores();
        var output = Options.Out("Folder of tiers-SIZE.json. Default: MODEL/heads.");
        var texts = new ProfileTexts(WorldSplit.Validation, 16, 1024, 1024);
        var command = new Command("tiers", """
            Chooses the settings of BaKlaVa for one budget: uniform and 108 points, by the mean -ln p of the last tokens of
            validation texts, given one by one on the compressed cache of what stands before them. Uniform stays unless a point
            beats it by more than half the width of the paired 95 % interval. Every second text has no say and checks the choice.
            Writes tiers-SIZE.json with all points, and prints the method as `lab eval --methods` takes it.

            Example:  lab heads tiers --model data/models/world-4m --kv-size 64
            """) { model, kvSize, window, scored, scores, output };
        texts.AddTo(command);
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var folder = parse.GetRequiredValue(model);
            var budget = new Budget(parse.GetValue(kvSize), parse.GetValue(window));
            var path = Path.Combine(HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads")), $"tiers-{budget.Entries}.json");
            using var loaded = LanguageModel.Load(folder);
            var tables = parse.GetValue(scores) is { } source ? CalibrationFolder.Open(source, loaded.Config, () => loaded.Hash) : CalibrationFolder.Load(folder, loaded.Config, () => loaded.Hash);
            var prompts = texts.Read(parse, loaded);
            var choice = TierSearch.Run(loaded, tables, budget, prompts.Prompts, parse.GetValue(scored), (done, all) => Console.Error.Write($"\r{done} of {all} texts "), stop);
            Console.Error.WriteLine();
            var page = new
            {
                choice.Method, KvSize = budget.Entries, budget.ObservationWindow, Scored = parse.GetValue(scored), Card = ProfileCard.Of(loaded.Hash, "continuation loss", prompts),
                Change = tables.Get(TableKinds.Change).Hash, choice.Gain, choice.GainElsewhere, choice.Points,
            };
            File.WriteAllText(path, JsonSerializer.Serialize(page, Page) + "\n");
            Console.WriteLine(choice.GainElsewhere is { } checkedGain
                ? $"{choice.Method}\nloss below uniform, nats a token: {Words(choice.Gain)} on the texts it was chosen on, {Words(checkedGain)} on others"
                : $"{choice.Method}\nno point beats uniform by more than half its interval");
            if (choice.GainElsewhere is { } refuted && refuted.High < 0)
                Console.Error.WriteLine("the texts that had no say contradict the choice: it is worse than uniform there; give more --prompts, or keep uniform (moved=0)");
            Console.Error.WriteLine(path);
        }));
        return command;
    }

    private static readonly JsonSerializerOptions Page = new(EvalRow.Json) { WriteIndented = true };

    private static string Words(Interval gain) => FormattableString.Invariant($"{gain.Mean:0.0000} [{gain.Low:0.0000}, {gain.High:0.0000}]");
}
