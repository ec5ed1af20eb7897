using System.CommandLine;
using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab heads latent</c>: projections of groups of layers into latent vectors.</summary>
internal static class HeadsLatentCommand
{
    private const int HeldOut = 16, HeldOutTokens = 1024, Scored = 128;
    private static readonly int[] Ranks = [16, 32, 64, 128, 256];

    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder.");
        var share = new Option<int>("--share") { Description = "Adjacent layers of a group, which share a vector; the last group may have fewer.", DefaultValueFactory = _ => 2 };
        var from = new Option<int>("--from") { Description = "First layer of the first group; earlier ones store keys and values.", DefaultValueFactory = _ => 1 };
        var rank = new Option<int>("--rank") { Description = "Directions of a group that are kept: vectors may have as many numbers, or fewer.", DefaultValueFactory = _ => 64 };
        var loss = new Option<bool>("--loss") { Description = "Print, too, the loss on the last 128 tokens of 16 validation documents of the world, 1024 tokens each, of ranks 16 to 256 at 16 and 4 bits (minutes)." };
        var output = Options.Out("Folder of latent.json. Default: MODEL/heads.");
        var texts = new ProfileTexts(WorldSplit.Train, 64, 256, 1024);
        var command = new Command("latent", """
            Measures projections of keys, before RoPE, and values into one vector a token for each group of adjacent layers: the
            training-free beginning of CLLA, which is rebuilt from its abstract. Writes latent.json and a card, and prints what
            share of the variance the first directions of each group explain. `lab eval --methods "FullKV @latent rank=64 bits=4"`
            stores such vectors.

            Example:  lab heads latent --model data/models/world-4m
            Example:  lab heads latent --model data/models/world-4m --share 3 --from 0 --rank 256 --loss --out /tmp/latents
            """) { model, share, from, rank, loss, output };
        texts.AddTo(command);
        command.SetAction((parse, stop) => ProfileTexts.Run(() =>
        {
            var folder = parse.GetRequiredValue(model);
            var path = Path.Combine(HeadsCommand.Made(parse.GetValue(output) ?? Path.Combine(folder, "heads")), TableKinds.Latents.File);
            using var loaded = LanguageModel.Load(folder);
            var prompts = texts.Read(parse, loaded);
            var table = LatentFit.Run(loaded.Decoder, prompts.Prompts, parse.GetValue(share), parse.GetValue(from), parse.GetValue(rank), done => Console.Error.Write($"\r{done} of {prompts.Prompts.Count} prompts "), stop);
            Console.Error.WriteLine();
            LatentFile.Write(path, table, ProfileCard.Of(loaded.Hash, TableKinds.Latents.Holds, prompts));
            var ranks = Ranks.Where(one => one <= table.Basis.Rank).ToArray();
            foreach (var group in table.Basis.Groups)
                Console.WriteLine(FormattableString.Invariant($"layers {group.First} to {group.First + group.Layers - 1}: {string.Join(", ", ranks.Select(one => FormattableString.Invariant($"rank {one} explains {group.Explained.Take(one).Sum():0.0000}")))}"));
            if (parse.GetValue(loss)) PrintLoss(loaded, table, ranks, stop);
            Console.Error.WriteLine(path);
        }));
        return command;
    }

    private static void PrintLoss(LanguageModel model, LatentTable table, int[] ranks, CancellationToken stop)
    {
        var full = Catalogue.Find("FullKV").Create();
        CachePolicy[] policies = [new(full), .. from rank in ranks from bits in (int[])[16, 4] select new CachePolicy(full, Format: table.Of(new EntryFormat(bits, Rank: rank)))];
        var sums = new double[policies.Length];
        foreach (var (done, text) in WorldTexts.Make(WorldSplit.Validation, [.. Enumerable.Repeat(HeldOutTokens, HeldOut)], 0).Index())
        {
            stop.ThrowIfCancellationRequested();
            var losses = ContinuationLoss.Measure(model, policies, new Budget(HeldOutTokens), model.Tokenizer.Encode(text), Scored);
            for (var p = 0; p < sums.Length; p++) sums[p] += losses[p] / HeldOut;
            Console.Error.Write($"\r{done + 1} of {HeldOut} documents ");
        }
        Console.Error.WriteLine();
        for (var p = 0; p < sums.Length; p++) Console.WriteLine(FormattableString.Invariant($"loss, nats a token: {sums[p]:0.0000} {policies[p].Name}"));
    }
}
