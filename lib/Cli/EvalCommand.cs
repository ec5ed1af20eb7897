using System.CommandLine;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Compression;

namespace HeadKvLab.Cli;

/// <summary><c>lab eval</c>: methods and budgets on a suite.</summary>
internal static class EvalCommand
{
    internal static Command Create()
    {
        var suite = new Argument<string>("suite") { Description = $"{string.Join(", ", SuiteCatalogue.Names)}, datasets of LongBench separated by commas, or a file of JSON lines." };
        var data = new Option<string?>("--data") { Description = "Folder with the downloaded data of longbench, longbench-e, loogle, babilong or SCBench." };
        var lengths = Options.Counts<int>("--lengths", "Prompt lengths in tokens of needle and ruler.", "1024,2048,4096");
        var perTask = new Option<int>("--per-task") { Description = "Samples of each task of ruler; depths of needle.", DefaultValueFactory = _ => 10 };
        var model = Options.Model();
        var methods = Options.Methods("Names, separated by commas, each alone or with settings, a schedule, a format, a recall and shared layers of its own: \"SnapKV kernel=5 every 64,HeadKV-R2 +Quest budget=64,FullKV /share(5>1)\"; see `lab methods`. The full cache is always run beside them.", "StreamingLLM,SnapKV,HeadKV-R2,HeadKV-R2-shuffled");
        var sizes = Options.Counts<int>("--kv-sizes", "Budgets in entries per head, window included.", "");
        var ratios = Options.Numbers("--compression-ratio", "Budgets as kvpress gives them: shares that are removed; 0.9 keeps int(n (1 - 0.9)) entries per head.", "");
        var shares = Options.Numbers("--shares", "Budgets as shares of the prompt's entries; 0.03,0.06,0.12 where no --kv-sizes are given.", "");
        var protocols = Options.Words("--protocol", "paper, standard or agnostic; for suites of conversations turns-golden, turns-own or requests too; several separated by commas; the suite's usual one where it is not given.", "");
        var rule = Options.Words("--budget-rule", "as-published, equal-entries or equal-bytes; several separated by commas; the protocol's where it is not given.", "");
        var granularity = new Option<string?>("--granularity") { Description = "kv-head, or query-head for the papers' accounting; the protocol's where it is not given." };
        var betas = Options.Numbers("--betas", "Short for --set beta=...: HeadKV's beta, one or several.", "");
        var (set, scores) = (new Option<string[]>("--set") { Description = "A setting and its values, name=value,value; each goes to every method that takes it. May be given several times.", HelpName = "name=values" }, Options.SeveralScores());
        var schedules = Options.Words("--schedules", "When entries are dropped again while an answer is generated: never, published, 'every N' (tokens), 'grown N' (entries); several separated by commas.", Catalogue.Never);
        var formats = Options.Words("--formats", "How entries are stored once the prompt is read: none (as the model computes them), bf16, int8, int4, int2, think, latent, or one with settings such as 'int4 recent=8'; several separated by commas; each goes to every method, the full cache included.", FormatCatalogue.None);
        var recalls = Options.Words("--recalls", "Which stored entries each token of an answer reads: none (all), or a recall such as 'Quest budget=64'; several separated by commas; each goes to every method, the full cache included.", RecallCatalogue.None);
        var window = Options.Window("Last prompt tokens that are kept and vote.");
        var first = new Option<string?>("--first-token") { Description = "recompute-last (on the compressed cache) or full-first (as published); the protocol's where it is not given." };
        var (type, dictionary) = (Options.NumberType(), Options.Dictionary(" in each row"));
        rule.Aliases.Add("--discipline");
        rule.CompletionSources.Add([.. Names<BudgetRule>.All]);
        granularity.CompletionSources.Add([.. Names<Granularity>.All]);
        first.CompletionSources.Add([.. Names<FirstToken>.All]);
        var limit = new Option<int>("--limit") { Description = "Most questions of each data set, or most conversations; 0: all." };
        var seed = Options.Seed("Seed of methods that draw.");
        var device = Options.Device();
        var shard = Options.Shard();
        var output = Options.Out("Results folder; results/SUITE-MODEL where it is not given.");
        var command = new Command("eval", """
            Answers a suite's questions with the full cache and under every method and budget, greedily, and prints scores with
            95 % intervals (bootstrap over contexts) and which methods differ (paired permutation test, Holm's correction).

            Every sample is a line of rows.jsonl in the results folder, on the disk before the next one starts. A run that was
            stopped or killed goes on where it was when the same command is given again, and ends with the same table.csv.

            Example:  lab eval world-2048-test --methods SnapKV,HeadKV-R2 --kv-sizes 64,128 --out results/first
            Example:  lab eval world-2048-test --methods "SnapKV,HeadKV-R2" --kv-sizes 64 --set kernel=5,7 --scores other-heads
            Example:  lab eval world-2048-test --methods "SnapKV,H2O,H2O published,SnapKV every 16" --kv-sizes 64
            Example:  lab eval world-2048-test --methods "FullKV +Quest budget=64,FullKV +ClusterKV budget=64 size=8,HeadKV-R2 +Exact budget=64" --shares 0.25
            Example:  lab eval world-2048-test --methods SnapKV,HeadKV-R2 --kv-sizes 64 --budget-rule equal-bytes --formats bf16,int8,int4,int2
            Example:  lab eval world-2048-test --methods "FullKV /share(5>1),SnapKV @int4 /share(5>1,4>0)" --shares 0.12
            Example:  lab eval scworld-2048-turns --methods "SnapKV,HeadKV-R2,FullKV +Quest budget=64" --shares 0.06 --protocol turns-golden,turns-own
            Example:  lab eval qasper,hotpotqa --data ~/LongBench --model ~/Llama-3-8B --protocol paper --kv-sizes 128 --device cuda
            """) { suite, data, model, methods, sizes, shares, ratios, protocols, rule, granularity, schedules, formats, recalls, betas, set, scores, window, first, type, device, dictionary, limit, lengths, perTask, seed, shard, output };
        command.Add(EvalWorldCommand.Create());
        command.SetAction((parse, stop) =>
        {
            var (kvSizes, kvShares, removed) = (parse.Read(sizes), parse.Read(shares), parse.Read(ratios));
            var plan = new SweepPlan
            {
                Model = parse.GetRequiredValue(model),
                Suites = [parse.GetRequiredValue(suite)],
                Data = parse.GetValue(data),
                Lengths = parse.Read(lengths),
                PerTask = parse.GetValue(perTask),
                Protocols = parse.Read(protocols) is { Length: > 0 } named ? named : [SuiteCatalogue.UsualProtocol(parse.GetRequiredValue(suite))],
                Methods = [Variant.Full.Method, .. parse.Read(methods)],
                KvSizes = kvSizes,
                CompressionRatios = removed,
                Shares = kvShares.Length + kvSizes.Length + removed.Length > 0 ? kvShares : [0.03, 0.06, 0.12],
                Rules = parse.Read(rule),
                Granularity = parse.GetValue(granularity),
                Schedules = parse.Read(schedules),
                Formats = parse.Read(formats),
                Recalls = parse.Read(recalls),
                Betas = parse.Read(betas),
                Settings = SettingValues(parse.GetValue(set) ?? []),
                Scores = parse.GetValue(scores) ?? [],
                Windows = [parse.GetValue(window)],
                FirstToken = parse.GetValue(first),
                Type = parse.GetValue(type),
                Dictionary = parse.GetValue(dictionary),
                Limit = parse.GetValue(limit),
                Seed = parse.GetValue(seed),
            }.Checked("lab eval");
            parse.Refuse(plan.Suites[0] is "needle" or "needle-published" or "ruler", "the suite has lengths of its own; it is for needle, needle-published and ruler", lengths, perTask);
            parse.Refuse(plan.Methods.Any(m => Catalogue.Parse(m).Entry.Name != Variant.Full.Method), "the full cache has no budget; name a method that compresses", sizes, shares, ratios, rule, granularity, schedules, window);
            var part = parse.GetValue(shard) is { } text ? Shard.Parse(text) : (Shard?)null;
            var folder = parse.GetValue(output) ?? Path.Combine("results", $"{Path.GetFileNameWithoutExtension(plan.Suites[0])}-{Path.GetFileName(Path.TrimEndingDirectorySeparator(plan.Model))}");
            return Task.FromResult(EvalDriver.Run(plan, folder, part, parse.Place(device), stop));
        });
        return command;
    }

    /// <summary>Reads <c>beta=1.005,1.01</c>.</summary>
    private static Dictionary<string, IReadOnlyList<object>> SettingValues(string[] texts)
    {
        var all = new Dictionary<string, IReadOnlyList<object>>();
        foreach (var text in texts)
            if (text.Split('=', 2) is not [var name, var values] || name.Length == 0 || Options.Split(values).Length == 0) throw new LabException($"--set {text}: write name=value,value, for example --set beta=1.005,1.01");
            else if (!all.TryAdd(name, Options.Split(values))) throw new LabException($"--set {name} is given twice; write all its values behind one");
        return all;
    }
}
