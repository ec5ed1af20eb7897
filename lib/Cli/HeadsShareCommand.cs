using System.CommandLine;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads share</c>: KVSharer's layer map.</summary>
internal static class HeadsShareCommand
{
    private const int HeldOut = 16, HeldOutTokens = 1024;

    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder.");
        var count = new Option<int>("--count") { Description = "Layers that are to be shared; a quarter of all in the paper.", Required = true };
        var order = Options.Named("--order", "dissimilar (the least similar pairs first, as published), similar or random.", SharingOrder.Dissimilar);
        var threshold = new Option<double>("--threshold") { Description = "Mean cosine of the last hidden states, with and without the shared layers, above which a pair is accepted; -1: any.", DefaultValueFactory = _ => LayerSharingSearch.UsualThreshold };
        var output = Options.Out("Folder of share.json. Default: MODEL/heads.");
        var texts = new ProfileTexts(WorldSplit.Train, 30, 96, 96);
        var tokens = new Option<int>("--tokens") { Description = "First tokens of each prompt that are looked at; shorter prompts are dropped.", DefaultValueFactory = _ => 64 };
        var command = new Command("share", """
            Searches layers that can read other layers' keys and values instead of storing their own, as KVSharer does: pairs in
            the order of the distance of their mean keys and values, each accepted if the last hidden states stay alike. Writes
            share.json, with all pairs that were tried, and a card, and prints the map as `lab eval --methods` takes it behind a
            method; "/share" alone stands for the one in the model's folder. Prints, too, the loss on 16 validation documents of the
            world, 1024 tokens each, with and without the shared layers. --seed draws the texts, and a random order.

            Example:  lab heads share --model data/models/world-4m --count 1
            Example:  lab heads share --model data/models/world-4m --count 2 --order random --seed 3 --threshold -1 --out /tmp/maps
            """) { model, count, order, threshold, tokens, output };
        texts.AddTo(command);
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var folder = parse.GetRequiredValue(model);
            var path = Path.Combine(HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads")), TableKinds.Sharing.File);
            using var loaded = LanguageModel.Load(folder);
            var prompts = texts.Read(parse, loaded);
            var sharing = LayerSharingSearch.Run(loaded.Decoder, prompts.Prompts, parse.GetValue(tokens), parse.GetValue(count), parse.GetValue(threshold), parse.Read(order), (int)prompts.Seed,
                tried => Console.Error.Write($"\r{tried} pairs tried "), stop);
            Console.Error.WriteLine();
            LayerSharingFile.Write(path, sharing, ProfileCard.Of(loaded.Hash, TableKinds.Sharing.Holds, prompts));
            foreach (var one in sharing.Tried)
                Console.WriteLine(FormattableString.Invariant($"layer {one.Pair.Layer} like {one.Pair.With}: distance {one.Pair.Distance:0.000}, normalised {one.Pair.Normalised:0.000}, cosine {one.Cosine:0.0000} {(one.Accepted ? "accepted" : "refused")}"));
            if (sharing.Map.Shared < parse.GetValue(count)) Console.Error.WriteLine($"{sharing.Map.Shared} of {parse.GetValue(count)} layers are shared: no other pair is above the threshold; a lower --threshold shares more");
            if (sharing.Map.Shared > 0) PrintLoss(loaded, sharing);
            Console.Error.WriteLine(path);
        }));
        return command;
    }

    private static void PrintLoss(LanguageModel model, LayerSharing sharing)
    {
        var documents = WorldTexts.Make(WorldSplit.Validation, [.. Enumerable.Repeat(HeldOutTokens, HeldOut)], 0).Select(text => model.Tokenizer.Encode(text)).ToArray();
        double Loss(Cache.LayerMap? layers) => LayerSharingSearch.Losses(model.Decoder, documents, layers).Average();
        Console.WriteLine(FormattableString.Invariant($"/{sharing.Map.Name}\nloss on validation documents, nats a token: {Loss(sharing.Map):0.0000}, without shared layers {Loss(null):0.0000}"));
    }
}
