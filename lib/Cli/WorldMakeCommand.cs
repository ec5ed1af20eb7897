using System.CommandLine;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>lab world make</c> and <c>lab world needles</c>: evaluation sets from the synthetic world.</summary>
internal static class WorldMakeCommand
{
    /// <summary>The subcommand that writes suites.</summary>
    public static Command Make()
    {
        var output = Options.OutOr("data/suites", "Folder of the suites.");
        var lengths = Options.Counts<int>("--lengths", "Prompt lengths in tokens, answer included.", "512,1024,2048,4096,8000");
        var split = Options.Of("--split", "validation or test.", Names<WorldSplit>.Of(WorldSplit.Test), text => Names<WorldSplit>.Parse(text, "--split", WorldSuite.Splits));
        var questions = new Option<int>("--questions") { Description = "Questions of each family.", DefaultValueFactory = _ => 200 };
        var seed = Options.Seed("Seed of the suite.", 0);
        var perContext = new Option<int>("--per-context") { Description = "Most questions of a family on one context; fewer make more contexts, which is what intervals count. 0: all.", DefaultValueFactory = _ => 0 };
        var families = Options.Families();
        var mixed = new Option<bool>("--mixed") { Description = "One file of all families instead of one file each." };
        var command = new Command("make",
            "Writes suites in LongBench's JSONL shape: every family at each length, several questions to a context, seeds that no training document has.\n\n" +
            "Example:\n  lab world make --out data/suites --lengths 2048 --questions 24 --per-context 1 --mixed") { output, lengths, split, questions, perContext, seed, families, mixed };
        command.SetAction(parse =>
        {
            var which = parse.Read(split);
            if (parse.GetValue(questions) < 1) throw new LabException($"--questions {parse.GetValue(questions)}: ask for at least 1");
            if (parse.GetValue(perContext) < 0) throw new LabException($"--per-context {parse.GetValue(perContext)}: give at least 1, or 0 for all");
            var asked = parse.Read(families);
            foreach (var length in parse.Read(lengths))
            {
                var suite = WorldSuite.Make(which, length, parse.GetValue(questions), parse.GetValue(seed), parse.GetValue(perContext) is > 0 and var each ? each : int.MaxValue, asked);
                foreach (var part in parse.GetValue(mixed) ? [suite] : asked.Select(suite.Only))
                {
                    var path = Path.Combine(parse.GetValue(output)!, part.Name + ".jsonl");
                    part.Save(path);
                    Console.WriteLine($"{path}: {part.Questions.Count()} questions on {part.Contexts.Count} contexts, {new FileInfo(path).Length / 1024.0:F0} KiB");
                }
            }
        });
        return command;
    }

    /// <summary>The subcommand that writes conversations.</summary>
    public static Command Sessions()
    {
        var output = Options.OutOr("data/suites/scworld-2048.jsonl", "The file.");
        var length = new Option<int>("--length") { Description = "Tokens of a context with its first question, answer included.", DefaultValueFactory = _ => 2048 };
        var split = Options.Of("--split", "validation or test.", Names<WorldSplit>.Of(WorldSplit.Test), text => Names<WorldSplit>.Parse(text, "--split", WorldSuite.Splits));
        var contexts = new Option<int>("--contexts") { Description = "Contexts, a conversation on each; a multiple of the families keeps every family as often in each turn.", DefaultValueFactory = _ => 24 };
        var turns = new Option<int>("--turns") { Description = "Questions of a conversation, each of another family.", DefaultValueFactory = _ => 5 };
        var (seed, families) = (Options.Seed("Seed of the conversations; 0 is that of the suites of single questions.", 1), Options.Families());
        var command = new Command("sessions",
            "Writes conversations in SCBench's JSONL shape: several questions of different families on one context, families by turns in a Latin square.\n\nExample:\n  lab world sessions --out data/suites/scworld-2048.jsonl") { output, length, split, contexts, turns, seed, families };
        command.SetAction(parse =>
        {
            if (parse.GetValue(contexts) < 1) throw new LabException($"--contexts {parse.GetValue(contexts)}: give at least 1");
            var (path, suite) = (parse.GetValue(output)!, WorldSessions.Make(parse.Read(split), parse.GetValue(length), parse.GetValue(contexts), parse.GetValue(turns), parse.GetValue(seed), parse.Read(families)));
            suite.SaveSessions(path);
            Console.WriteLine($"{path}: {suite.Contexts.Count} conversations of {parse.GetValue(turns)} questions, {new FileInfo(path).Length / 1024.0:F0} KiB");
        });
        return command;
    }

    /// <summary>The subcommand that writes needles and a haystack.</summary>
    public static Command Needles()
    {
        var output = Options.OutOr("data/suites/needles", "Folder of the needles.");
        var retrieval = new Option<int>("--retrieval") { Description = "Retrieval (R) needles.", DefaultValueFactory = _ => 12 };
        var reasoning = new Option<int>("--reasoning") { Description = "Retrieval-reasoning (R2) needles.", DefaultValueFactory = _ => 8 };
        var tokens = new Option<int>("--tokens") { Description = "Length of the haystack in tokens.", DefaultValueFactory = _ => 16384 };
        var seed = Options.Seed("Seed of the set.", 0);
        var command = new Command("needles",
            "Writes needles-r.jsonl, needles-r2.jsonl and haystack.txt for scoring heads.\n\nExample:\n  lab world needles --out data/suites/needles") { output, retrieval, reasoning, tokens, seed };
        command.SetAction(parse =>
        {
            var set = WorldNeedles.Make(parse.GetValue(retrieval), parse.GetValue(reasoning), parse.GetValue(tokens), parse.GetValue(seed));
            set.Save(parse.GetValue(output)!);
            Console.WriteLine($"{parse.GetValue(output)}: {set.Retrieval.Count} R and {set.Reasoning.Count} R2 needles, haystack of {parse.GetValue(tokens)} tokens");
        });
        return command;
    }
}
