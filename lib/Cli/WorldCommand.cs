using System.CommandLine;
using HeadKvLab.Training;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab world</c>: documents, tokenizer, suites and needles of the synthetic world.</summary>
internal static class WorldCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("world", "The synthetic world: documents whose facts are random, and what is made from them.\n\nExample:  lab world sample --seed 3 --tokens 512")
    {
        Sample(), Tokenizer(), WorldMakeCommand.Make(), WorldMakeCommand.Sessions(), WorldMakeCommand.Needles(),
    };

    private static Command Sample()
    {
        var seed = Options.Seed("Seed of the run.", 1);
        var index = new Option<long>("--index") { Description = "Number of the document.", DefaultValueFactory = _ => 0 };
        var tokens = new Option<int>("--tokens") { Description = "Length of the document in tokens.", DefaultValueFactory = _ => 256 };
        var ids = new Option<bool>("--ids") { Description = "Also print the token ids." };
        var command = new Command("sample", "Prints one training document, one sentence a line.\n\nExample:\n  lab world sample --seed 3 --tokens 512") { seed, index, tokens, ids };
        command.SetAction(parse =>
        {
            var options = new WorldOptions { Tokens = parse.GetValue(tokens) };
            var document = new WorldGenerator().Document(options, WorldSplit.Train, parse.GetValue(seed), parse.GetValue(index));
            var ends = document.SentenceStarts.Skip(1).Append(document.Ids.Length).ToArray();
            for (var s = 0; s < ends.Length; s++)
                Console.WriteLine(WorldTokenizer.Shared.Decode(document.Ids.AsSpan(document.SentenceStarts[s]..ends[s])).Trim());
            if (parse.GetValue(ids)) Console.WriteLine(string.Join(' ', document.Ids));
        });
        return command;
    }

    private static Command Tokenizer()
    {
        var output = Options.NeededOut("Folder to write tokenizer.json, tokenizer_config.json and generation_config.json into.");
        var length = new Option<int>("--max-length") { Description = "Longest context of the model in tokens.", DefaultValueFactory = _ => 8192 };
        var command = new Command("tokenizer", "Trains the world's BPE tokenizer and writes it in Hugging Face's form.\n\nExample:\n  lab world tokenizer --out data/models/world") { output, length };
        command.SetAction(parse =>
        {
            var tokenizer = WorldTokenizer.Shared;
            HuggingFaceTokenizerFiles.Write(parse.GetValue(output)!, tokenizer.Vocabulary, WorldTokenizer.Specials, WorldTokenizer.SplitPattern, parse.GetValue(length));
            Console.WriteLine($"{tokenizer.Size} tokens ({tokenizer.Vocabulary.Merges.Count} merges, {WorldTokenizer.PreTokens().Count()} words) written to {parse.GetValue(output)}");
        });
        return command;
    }
}
