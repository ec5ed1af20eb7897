using System.CommandLine;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Cli;

/// <summary><c>lab sweep</c>: a grid written in a file.</summary>
internal static class SweepCommand
{
    internal static Command Create()
    {
        var file = new Argument<string>("file") { Description = "Sweep file, for example data/sweeps/world.json." };
        var output = Options.Out("Results folder; results/NAME of the file where it is not given.");
        var shard = Options.Shard();
        var scores = Options.SeveralScores();
        var limit = new Option<int?>("--limit") { Description = "Most questions of each data set, instead of the file's." };
        var slurm = new Option<int?>("--slurm") { Description = "Run nothing; write OUT/submit.sh, which runs the sweep as this many tasks of a Slurm job array and joins them." };
        var device = Options.Device();
        var command = new Command("sweep", """
            Runs the grid of a file: every list in it is multiplied with every other.

              { "model": "data/models/world-4m",
                "suites": ["data/suites/world-2048-test.jsonl"],
                "protocols": ["standard"],
                "methods": ["FullKV", "SnapKV", "HeadKV-R2"],
                "kvSizes": [64, 128, 256],          // or "shares": [0.03, 0.06]
                "settings": { "beta": [1.01], "kernel": [7] }, "windows": [8],   // `lab methods` lists settings
                "scores": ["other-heads"],          // head scores, to compare them; else the model's
                "disciplines": ["equal-entries"], "granularity": "kv-head",
                "schedules": ["never"],             // "published", "every 128", "grown 64": drop entries while generating
                "limit": 0, "seed": 0, "data": null, "firstToken": null,
                "type": null, "dictionary": null,   // "float32"; jieba's folder
                "lengths": [1024, 2048], "perTask": 10 }   // of generated suites

            A method may bring settings and a schedule of its own: "HeadKV-R2 beta=2 every 64". "betas" and "kernels" are short for those settings.
            Like `lab eval` it can be killed at any instant: the same command goes on, and ends with the same table.csv.

            Example:  lab sweep data/sweeps/world.json --out results/world
            Example:  lab sweep data/sweeps/world.json --out results/world --slurm 8 && bash results/world/submit.sh --partition=short
            """) { file, output, shard, scores, limit, device, slurm };
        command.SetAction((parse, stop) =>
        {
            var path = parse.GetRequiredValue(file);
            var plan = SweepPlan.Load(path);
            if (parse.GetValue(limit) is { } most) plan = (plan with { Limit = most }).Checked("--limit");
            if (parse.GetValue(scores) is { Length: > 0 } sources) plan = (plan with { Scores = sources }).Checked("--scores");
            var folder = parse.GetValue(output) ?? Path.Combine("results", Path.GetFileNameWithoutExtension(path));
            parse.Refuse(parse.GetValue(slurm) is null, "--slurm makes a shard for each task of its own", shard);
            plan = plan with { Model = Repository.Input(plan.Model), Suites = [.. plan.Suites.Select(Repository.Input)] };
            if (parse.GetValue(slurm) is { } tasks) return Task.FromResult(WriteSlurm(path, folder, tasks, string.Concat((parse.GetValue(scores) ?? []).Select(source => $" --scores {SlurmScript.Quote(Path.GetFullPath(source))}")) + (parse.GetValue(limit) is { } l ? $" --limit {l}" : "") + (parse.GetRequiredValue(device) is "cuda" ? " --device cuda" : "")));
            return Task.FromResult(EvalDriver.Run(plan, folder, parse.GetValue(shard) is { } text ? Shard.Parse(text) : null, parse.Place(device), stop));
        });
        return command;
    }

    private static int WriteSlurm(string sweep, string folder, int tasks, string options)
    {
        if (tasks is < 1 or > 10_000) throw new LabException($"--slurm {tasks}: give the number of array tasks, 1 to 10000");
        var root = Path.GetDirectoryName(Repository.Find("lab") ?? throw new LabException("--slurm: the program runs outside its repository, where ./lab is missing"))!;
        var script = new SlurmScript(Path.GetFullPath(sweep), Path.GetFullPath(folder), tasks, root, options);
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "submit.sh"), script.Text());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{folder}: cannot be written: {e.Message}; give another --out", e);
        }
        Console.WriteLine($"bash {Path.Combine(folder, "submit.sh")}   # sbatch options may follow");
        return 0;
    }
}
