using System.CommandLine;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads qfilters</c> and <c>lab heads moments</c>: what the queries of each head have in common.</summary>
internal static class HeadsQueriesCommand
{
    internal static Command Filters()
    {
        var samples = new Option<int>("--samples") { Description = "Queries of each head, as many of each prompt.", DefaultValueFactory = _ => 3000 };
        var command = Create("qfilters", """
            Measures the direction that each query head's queries have in common, after RoPE and at positions drawn at random: the
            filters of Q-Filters. One prefill of each prompt. Writes filters.json and a card.

            Example:  lab heads qfilters --model data/models/world-4m
            """, TableKinds.Filters, new ProfileTexts(WorldSplit.Train, 20, 2048, 2048),
            (parse, decoder, texts, progress, stop) => QueryProfile.Filters(decoder, texts.Prompts, parse.GetValue(samples), (int)texts.Seed, progress, stop));
        command.Options.Add(samples);
        return command;
    }

    internal static Command Moments() => Create("moments", """
        Measures the mean and the mean size of each query head's queries before RoPE, frequency by frequency: what TriAttention
        scores keys by. One prefill of each prompt. Writes moments.json and a card.

        Example:  lab heads moments --model data/models/world-4m
        """, TableKinds.Moments, new ProfileTexts(WorldSplit.Train, 64, 1024, 4096),
        (_, decoder, texts, progress, stop) => QueryProfile.Moments(decoder, texts.Prompts, progress, stop));

    private static Command Create(string name, string description, TableKind<HeadVectors> kind, ProfileTexts texts,
        Func<ParseResult, Decoder, CalibrationTexts, Action<int>, CancellationToken, HeadVectors> measure)
    {
        var model = Options.NeededModel("Model folder.");
        var output = Options.Out($"Folder of {kind.File}. Default: MODEL/heads.");
        var command = new Command(name, description) { model, output };
        texts.AddTo(command);
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var folder = parse.GetRequiredValue(model);
            var path = Path.Combine(HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads")), kind.File);
            using var loaded = LanguageModel.Load(folder);
            var prompts = texts.Read(parse, loaded);
            var table = measure(parse, loaded.Decoder, prompts, done => Console.Error.Write($"\r{done} of {prompts.Prompts.Count} prompts "), stop);
            Console.Error.WriteLine();
            HeadVectorFile.Write(path, kind, table, ProfileCard.Of(loaded.Hash, kind.Holds, prompts));
            Console.Error.WriteLine($"{path}: {table.Layers} layers of {table.QueryHeads} query heads, {table.Width} numbers each");
        }));
        return command;
    }
}
