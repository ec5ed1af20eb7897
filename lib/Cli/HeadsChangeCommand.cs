using System.CommandLine;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads change</c>: how much heads change what they are given.</summary>
internal static class HeadsChangeCommand
{
    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder.");
        var output = Options.Out("Folder of change.json. Default: MODEL/heads.");
        var texts = new ProfileTexts(WorldSplit.Train, 20, 1024, 4096);
        var command = new Command("change", """
            Measures, on one prefill of each prompt, how much each query head changes what it is given and each layer the residual
            stream, as one minus a mean cosine: what BaKlaVa ranks heads by. Writes change.json and a card, unless two halves of
            the prompts rank the heads differently (a correlation below 0.9).

            Example:  lab heads change --model data/models/world-4m
            """) { model, output };
        texts.AddTo(command);
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var folder = parse.GetRequiredValue(model);
            var path = Path.Combine(HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads")), "change.json");
            using var loaded = LanguageModel.Load(folder);
            var prompts = texts.Read(parse, loaded);
            var changes = ChangeProfile.Measure(loaded.Decoder, prompts.Prompts, done => Console.Error.Write($"\r{done} of {prompts.Prompts.Count} prompts "), stop);
            Console.Error.WriteLine();
            _ = changes.Table();
            HeadChangeFile.Write(path, changes, ProfileCard.Of(loaded.Hash, "head change", prompts));
            Console.Error.WriteLine(FormattableString.Invariant($"{path}: two halves of the prompts rank the heads with a correlation of {changes.Agreement:0.000}"));
        }));
        return command;
    }
}
