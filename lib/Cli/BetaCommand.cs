using System.CommandLine;
using System.Globalization;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Compression;
using HeadKvLab.Tables;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab beta</c>: HeadKV's beta, chosen without looking at the test questions.</summary>
internal static class BetaCommand
{
    internal static Command Create()
    {
        var suite = new Argument<string>("suite") { Description = "As in `lab eval`." };
        var data = new Option<string?>("--data") { Description = "Folder with downloaded data, as in `lab eval`." };
        var model = Options.Model();
        var method = new Option<string>("--method") { Description = "A method with a beta.", DefaultValueFactory = _ => "HeadKV-R2" };
        var sizes = Options.Counts<int>("--kv-sizes", "Budgets; each gets a choice of its own.", "64,128");
        var betas = Options.Numbers("--betas", "Candidates.", "1.005,1.01,1.1,1.2,1.5,2,5,10");
        var windows = Options.Counts<int>("--windows", "Candidates for the observation window.", "8");
        var kernels = Options.Counts<int>("--kernels", "Candidates for the pooling kernel.", "");
        var scores = Options.Scores();
        var protocol = new Option<string>("--protocol") { Description = "paper, standard or agnostic.", DefaultValueFactory = _ => "standard" };
        var split = new Option<double>("--split") { Description = "Share of the contexts that settings are chosen on.", DefaultValueFactory = _ => 0.4 };
        var seed = Options.Seed("Seed of the division.");
        var limit = new Option<int>("--limit") { Description = "Most questions of each data set; 0: all." };
        var validationOnly = new Option<bool>("--no-selected-on-test", "--no-leaky") { Description = "Leave out what is selected on test, which runs every candidate on the test questions." };
        var (type, dictionary) = (Options.NumberType(), Options.Dictionary(" in each row"));
        var device = Options.Device();
        var output = Options.Out("Results folder; results/beta-SUITE where it is not given.");
        var command = new Command("beta", """
            Divides a suite's contexts into validation and test, chooses beta (and window and kernel, where several are given) on
            validation alone, writes the choice down, and only then measures it on the test questions, beside the paper's default
            fixed in advance. Then, side by side, what is selected on test: the candidate that is best on the test questions themselves,
            as the published results were chosen. Can be killed and goes on, like `lab eval`.

            Example:  lab beta data/suites/world-2048-test.jsonl --kv-sizes 64,128 --out results/beta
            """) { suite, data, model, method, sizes, betas, windows, kernels, scores, protocol, split, seed, limit, type, device, dictionary, validationOnly, output };
        command.SetAction((parse, stop) =>
        {
            var name = Catalogue.Find(parse.GetRequiredValue(method)).Name;
            if (!Catalogue.Find(name).IsTaken("beta")) throw new LabException($"--method {name}: it has no beta; use HeadKV-R, HeadKV-ER or HeadKV-R2");
            var plan = new SweepPlan
            {
                Model = parse.GetRequiredValue(model), Suites = [parse.GetRequiredValue(suite)], Data = parse.GetValue(data), Protocols = [parse.GetRequiredValue(protocol)], Methods = [name],
                KvSizes = parse.Read(sizes), Betas = parse.Read(betas),
                Windows = parse.Read(windows), Kernels = parse.Read(kernels), Scores = parse.GetValue(scores) is { } source ? [source] : [], Limit = parse.GetValue(limit), Type = parse.GetValue(type), Dictionary = parse.GetValue(dictionary),
            }.Checked("lab beta");
            if (plan.KvSizes.Count == 0 || plan.Betas.Count * plan.Windows.Count * Math.Max(1, plan.Kernels.Count) < 2) throw new LabException("lab beta: give at least one of --kv-sizes and at least two candidates");
            if (parse.GetValue(split) is not (> 0 and < 1)) throw new LabException("--split: give a share between 0 and 1, for example 0.4");
            var folder = parse.GetValue(output) ?? Path.Combine("results", "beta-" + Path.GetFileNameWithoutExtension(plan.Suites[0]));
            return Task.FromResult(Run(plan, new ValidationSplit(parse.GetValue(seed), parse.GetValue(split)), folder, !parse.GetValue(validationOnly), parse.Place(device), stop));
        });
        return command;
    }

    private static int Run(SweepPlan plan, ValidationSplit split, string folder, bool withOnTest, Device device, CancellationToken stop)
    {
        using var models = EvalModels.Of(plan, device);
        var all = SuiteTasks.Open(plan, models.Loaded, Repository.Find("data/suites"))[0];
        var (validation, test) = split.Divide(all);
        Console.Error.WriteLine($"validation: {validation.Tasks.Count} questions, {all.Variants.Count} candidates");
        if (EvalDriver.RunInto(models, plan, [validation], Path.Combine(folder, "validation"), stop) is not { } chosenOn) return EvalDriver.Interrupted;
        var choice = BetaChoice.Of(split, all.Variants, chosenOn);
        choice.Declare(folder);
        var fixedOnes = choice.Chosen.Select(v => v with { Settings = Catalogue.Find(v.Method).Resolve(), Window = Budget.PaperWindow }).ToArray();
        Console.Error.WriteLine($"test: {test.Tasks.Count} questions, once");
        if (EvalDriver.RunInto(models, plan, [test with { Variants = [.. choice.Chosen.Concat(fixedOnes).Distinct()] }], Path.Combine(folder, "test"), stop) is not { } tested) return EvalDriver.Interrupted;
        IReadOnlyList<EvalRow>? onTest = null;
        if (withOnTest)
        {
            Console.Error.WriteLine("selected on test: every candidate on the test questions");
            onTest = EvalDriver.RunInto(models, plan, [test], Path.Combine(folder, "selected-on-test"), stop);
            if (onTest is null) return EvalDriver.Interrupted;
        }
        var report = Markdown(plan, validation, test, BetaResult.Of(choice, fixedOnes, chosenOn, tested, onTest)) + "\n" + Provenance.Tables(tested, ResultFolder.ReadCard(Path.Combine(folder, "test")));
        ResultFolder.Replace(folder, "beta.md", report);
        Console.Write(report);
        Console.WriteLine($"\n-> {folder}: selection.json, beta.md, and the rows in validation, test{(withOnTest ? ", selected-on-test" : "")}");
        return 0;
    }

    /// <summary>What is selected on validation and what is selected on test, side by side.</summary>
    internal static string Markdown(SweepPlan plan, EvalSet validation, EvalSet test, IReadOnlyList<BetaResult> results)
    {
        var labels = VariantLabels.Of(validation.Variants);
        var table = Table.Of("", results,
            ("KV size", r => r.Chosen.BudgetName), ("chosen on validation", r => Name(r.Chosen)), ("there", r => ResultReport.Percent(r.Validation)), ("on test", r => ResultReport.Percent(r.Test)),
            ("beta 1.01, fixed in advance, on test", r => ResultReport.Percent(r.Fixed)), (OnTest("selected on test"), r => r.SelectedOnTest is { } best ? Name(best) : null),
            (OnTest("its score there"), r => r.SelectedOnTestScore is { } score ? ResultReport.Percent(score) : null), (OnTest("selected on test minus held-out"), r => r.Gap is { } gap ? Difference(gap) : null));
        return $"### {plan.Methods[0]} on {test.Suite}: chosen on {validation.Tasks.Count} questions, tested on {test.Tasks.Count}\n\n{table.ToMarkdown()}";

        string Name(Variant v) => string.Join(", ", labels(v).Prepend($"beta {v.Settings["beta"]}").Distinct());
        static Column OnTest(string name) => new(name) { Missing = "–" };
        static string Difference(PairedDifference gap) => string.Create(CultureInfo.InvariantCulture, $"{gap.Difference.Mean:+0.00;-0.00;0.00} [{gap.Difference.Low:0.0}, {gap.Difference.High:0.0}], p = {gap.P:0.000}");
    }
}
