using System.CommandLine;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads prefix</c>: PrefixKV's curves.</summary>
internal static class HeadsPrefixCommand
{
    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder.");
        var output = Options.Out("Folder of prefix.json. Default: MODEL/heads.");
        var texts = new ProfileTexts(WorldSplit.Train, 20, 1024, 4096);
        var command = new Command("prefix", """
            Measures, on one prefill of each prompt, how many of a layer's positions hold which share of its attention: what
            PrefixKV-offline divides a budget among the layers by. Writes prefix.json, 513 points for each layer, and a card.

            Example:  lab heads prefix --model data/models/world-4m
            """) { model, output };
        texts.AddTo(command);
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var folder = parse.GetRequiredValue(model);
            var path = Path.Combine(HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads")), "prefix.json");
            using var loaded = LanguageModel.Load(folder);
            var prompts = texts.Read(parse, loaded);
            var curves = PrefixProfile.Measure(loaded.Decoder, prompts.Prompts, done => Console.Error.Write($"\r{done} of {prompts.Prompts.Count} prompts "), stop);
            PrefixFile.Write(path, curves, ProfileCard.Of(loaded.Hash, "prefix curves", prompts));
            Console.Error.WriteLine($"\n{path}: {curves.Layers} layers");
        }));
        return command;
    }
}
