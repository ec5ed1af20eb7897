using System.CommandLine;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads kvzip</c>: KVzip's scores of whole heads.</summary>
internal static class HeadsKvZipCommand
{
    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder.");
        var output = Options.Out($"Folder of {TableKinds.Reconstruction.File}. Default: MODEL/heads.");
        var replay = new Option<int>("--replay") { Description = "Tokens that are read again together.", DefaultValueFactory = _ => 2048 };
        var mean = new Option<bool>("--mean") { Description = "Take the mean over a head's positions; the published score is the largest." };
        var texts = new ProfileTexts(WorldSplit.Train, 20, 1024, 4096);
        var command = new Command("kvzip", """
            Has the model read prompts a second time and scores each query head by the most that any position receives then: KVzip's
            head-level score, in the authors' form of head scores, which HeadKV-KVzip divides budgets by (and any HeadKV, with
            --scores FILE). Writes kvzip.json and a card, and tells how well the model copies what it reads again: without that
            neither these scores nor KVzip's own mean much.

            Example:  lab heads kvzip --model data/models/world-4m --replay 512
            """) { model, output, replay, mean };
        texts.AddTo(command);
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var (folder, zip) = (parse.GetRequiredValue(model), new KvZip(parse.GetValue(replay)));
            var path = Path.Combine(HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads")), TableKinds.Reconstruction.File);
            using var loaded = LanguageModel.Load(folder);
            var prompts = texts.Read(parse, loaded);
            var scores = ReplayProfile.Measure(loaded.Decoder, prompts.Prompts, zip, parse.GetValue(mean), done => Console.Error.Write($"\r{done} of {prompts.Prompts.Count} prompts "), stop);
            var copied = CopyLoss.Measure(loaded.Decoder, prompts.Prompts, zip, stop);
            var told = FormattableString.Invariant($"read again in pieces of {zip.Chunk}: {copied.Again:0.000} nats a token, {copied.Copied:0.0%} of {copied.Tokens:N0} tokens copied; in the first reading {copied.First:0.000} nats");
            HeadScoreFile.Write(path, scores, new HeadScoreCard(loaded.Hash, parse.GetValue(mean) ? "kvzip, mean" : "kvzip, largest", prompts.Source, told, scores.Tests, scores.Tests, prompts.Seed));
            Console.Error.WriteLine($"\n{told}\n{path}: {scores.Layers} layers of {scores.QueryHeads} query heads");
        }));
        return command;
    }
}
