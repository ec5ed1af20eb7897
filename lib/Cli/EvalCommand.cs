using System.CommandLine;
using System.Globalization;
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
        var data = new Option<string?>("--data") { Description = "Folder with the downloaded data of longbench, longbench-e, loogle or babilong." };
        var lengths = new Option<string>("--lengths") { Description = "Prompt lengths in tokens of needle and ruler.", DefaultValueFactory = _ => "1024,2048,4096" };
        var perTask = new Option<int>("--per-task") { Description = "Samples of each task of ruler; depths of needle.", DefaultValueFactory = _ => 10 };
        var model = new Option<string>("--model") { Description = "Model folder.", DefaultValueFactory = _ => "data/models/world-4m" };
        var methods = new Option<string>("--methods") { Description = "Names, separated by commas, each alone or with settings of its own: \"SnapKV kernel=5,HeadKV-R2\"; see `lab methods`. The full cache is always run beside them.", DefaultValueFactory = _ => "StreamingLLM,SnapKV,HeadKV-R2,HeadKV-R2-shuffled" };
        var sizes = new Option<string>("--kv-sizes") { Description = "Budgets in entries per head, window included.", DefaultValueFactory = _ => "" };
        var shares = new Option<string>("--shares") { Description = "Budgets as shares of the prompt's entries; 0.03,0.06,0.12 where no --kv-sizes are given.", DefaultValueFactory = _ => "" };
        var protocols = new Option<string>("--protocol") { Description = "paper, repaired or agnostic; several separated by commas.", DefaultValueFactory = _ => "repaired" };
        var discipline = new Option<string>("--discipline") { Description = "as-published, equal-entries or equal-bytes; several separated by commas; the protocol's where it is not given.", DefaultValueFactory = _ => "" };
        var granularity = new Option<string?>("--granularity") { Description = "kv-head, or query-head for the papers' accounting; the protocol's where it is not given." };
        var betas = new Option<string>("--betas") { Description = "Short for --set beta=...: HeadKV's beta, one or several.", DefaultValueFactory = _ => "" };
        var (set, scores) = (new Option<string[]>("--set") { Description = "A setting and its values, name=value,value; each goes to every method that takes it. May be given several times.", HelpName = "name=values" }, ScoresOption.Several());
        var window = new Option<int>("--window") { Description = "Last prompt tokens that are kept and vote.", DefaultValueFactory = _ => Budget.PaperWindow };
        var first = new Option<string?>("--first-token") { Description = "recompute-last (the honest one) or full-first (as published); the protocol's where it is not given." };
        var (type, dictionary) = (NumberType(), Dictionary());
        discipline.CompletionSources.Add([.. Names<BudgetRule>.All]);
        granularity.CompletionSources.Add([.. Names<Granularity>.All]);
        first.CompletionSources.Add([.. Names<FirstToken>.All]);
        var limit = new Option<int>("--limit") { Description = "Most questions of each data set; 0: all." };
        var seed = new Option<int>("--seed") { Description = "Seed of methods that draw." };
        var device = ComputeOptions.Device();
        var shard = new Option<string?>("--shard") { Description = "Only one of several parts, for example 2/4; `lab merge` joins them." };
        var output = new Option<string?>("--out") { Description = "Results folder; results/SUITE-MODEL where it is not given." };
        var command = new Command("eval", """
            Answers a suite's questions with the full cache and under every method and budget, greedily, and prints scores with
            95 % intervals (bootstrap over contexts) and which methods differ (paired permutation test, Holm's correction).

            Every sample is a line of rows.jsonl in the results folder, on the disk before the next one starts. A run that was
            stopped or killed goes on where it was when the same command is given again, and ends with the same table.csv.

            Example:  lab eval world-2048-test --methods SnapKV,HeadKV-R2 --kv-sizes 64,128 --out results/first
            Example:  lab eval world-2048-test --methods "SnapKV,HeadKV-R2" --kv-sizes 64 --set kernel=5,7 --scores other-heads
            Example:  lab eval qasper,hotpotqa --data ~/LongBench --model ~/Llama-3-8B --protocol paper --kv-sizes 128 --device cuda
            """) { suite, data, model, methods, sizes, shares, protocols, discipline, granularity, betas, set, scores, window, first, type, device, dictionary, limit, lengths, perTask, seed, shard, output };
        command.Add(EvalWorldCommand.Create());
        command.SetAction((parse, stop) =>
        {
            var (kvSizes, kvShares) = (Whole(parse.GetRequiredValue(sizes), "--kv-sizes"), Numbers(parse.GetRequiredValue(shares), "--shares"));
            var plan = new SweepPlan
            {
                Model = parse.GetRequiredValue(model),
                Suites = [parse.GetRequiredValue(suite)],
                Data = parse.GetValue(data),
                Lengths = Whole(parse.GetRequiredValue(lengths), "--lengths"),
                PerTask = parse.GetValue(perTask),
                Protocols = Words(parse.GetRequiredValue(protocols)),
                Methods = [Variant.Full.Method, .. Methods(parse.GetRequiredValue(methods))],
                KvSizes = kvSizes,
                Shares = kvShares.Length + kvSizes.Length > 0 ? kvShares : [0.03, 0.06, 0.12],
                Disciplines = Words(parse.GetRequiredValue(discipline)),
                Granularity = parse.GetValue(granularity),
                Betas = Numbers(parse.GetRequiredValue(betas), "--betas"),
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
            parse.Refuse(plan.Methods.Any(m => Catalogue.Parse(m).Entry.Name != Variant.Full.Method), "the full cache has no budget; name a method that compresses", sizes, shares, discipline, granularity, window);
            var part = parse.GetValue(shard) is { } text ? Shard.Parse(text) : (Shard?)null;
            var folder = parse.GetValue(output) ?? Path.Combine("results", $"{Path.GetFileNameWithoutExtension(plan.Suites[0])}-{Path.GetFileName(Path.TrimEndingDirectorySeparator(plan.Model))}");
            return Task.FromResult(EvalDriver.Run(plan, folder, part, ComputeOptions.Place(parse.GetRequiredValue(device)), stop));
        });
        return command;
    }

    internal static Option<string?> NumberType()
    {
        var option = new Option<string?>("--type") { Description = "Number type of weights, matrix products and cache: float32, bfloat16 or float16 (on the CPU held in 2 bytes, multiplied in float32); the protocol's where it is not given: float16 for paper, else bfloat16." };
        option.AcceptOnlyFromAmong(ComputeOptions.Formats);
        return option;
    }

    internal static Option<string?> Dictionary() => new("--dictionary") { Description = "For the Chinese sets: the folder of the installed Python package jieba (scores as the official script), or its dict.txt alone; without either, characters are compared. The metric's name in each row says which." };

    /// <summary>Reads <c>beta=1.005,1.01</c>.</summary>
    private static Dictionary<string, IReadOnlyList<object>> SettingValues(string[] texts)
    {
        var all = new Dictionary<string, IReadOnlyList<object>>();
        foreach (var text in texts)
            if (text.Split('=', 2) is not [var name, var values] || name.Length == 0 || Words(values).Length == 0) throw new LabException($"--set {text}: write name=value,value, for example --set beta=1.005,1.01");
            else if (!all.TryAdd(name, Words(values))) throw new LabException($"--set {name} is given twice; write all its values behind one");
        return all;
    }

    /// <summary>Methods separated by commas, each alone or with settings of its own.</summary>
    /// <exception cref="LabException">There is none.</exception>
    internal static string[] Methods(string list) => Words(list) is { Length: > 0 } names ? names
        : throw new LabException($"--methods '{list}': name at least one of `lab methods`; FullKV is the full cache alone");

    internal static string[] Words(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    internal static int[] Whole(string list, string option) =>
        [.. Numbers(list, option).Select(number => number == (int)number ? (int)number : throw new LabException(string.Create(CultureInfo.InvariantCulture, $"{option}: {number} is no whole number")))];

    internal static double[] Numbers(string list, string option) =>
        [.. Words(list).Select(text => double.TryParse(text, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number
            : throw new LabException($"{option}: '{text}' is no number; give numbers separated by commas"))];
}
