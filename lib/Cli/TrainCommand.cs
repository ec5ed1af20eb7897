using System.CommandLine;
using System.Globalization;
using HeadKvLab.Training;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab train</c>: trains a model from its recipe, resumes after any stop, writes a Hugging Face folder.</summary>
internal static class TrainCommand
{
    internal static Command Create()
    {
        var config = new Option<FileInfo>("--config") { Description = "Recipe, for example data/models/world-4m/train.json.", Required = true };
        var output = new Option<DirectoryInfo?>("--out") { Description = "Where the finished model goes, as a Hugging Face folder. Default: the recipe's folder." };
        var checkpoints = new Option<DirectoryInfo?>("--checkpoints") { Description = "Where checkpoints and log.csv go. Default: data/checkpoints/NAME." };
        var steps = new Option<int?>("--steps") { Description = "Stop after this step (the run can be resumed)." };
        var every = new Option<int>("--report") { Description = "Steps between reports.", DefaultValueFactory = _ => 20 };
        var minutes = new Option<double>("--save-every") { Description = "Minutes between checkpoints.", DefaultValueFactory = _ => 3 };
        var restart = new Option<bool>("--restart") { Description = "Throw the run's checkpoints away and begin again." };
        var device = Options.Device();
        var export = new Option<bool>("--export") { Description = "Write the model as it is after the newest checkpoint, finished or not; a run may go on meanwhile." };
        var command = new Command("train", """
            Trains a model of the synthetic world from a recipe. Checkpoints hold weights, optimiser and progress; the same command
            goes on after Ctrl-C, a kill or a full disk. The same recipe repeats the same losses.

            A recipe of a larger model for a GPU is data/recipes/world-32m/train.json. Phases may be added to a recipe whose run has ended, and
            the run goes on with them; a recipe whose earlier steps were changed is refused.

            Example:  lab train --config data/models/world-4m/train.json
            """) { config, output, checkpoints, steps, every, minutes, restart, export, device };
        command.Validators.Add(result =>
        {
            foreach (var option in (Option[])[steps, every, minutes, restart])
                if (result.GetValue(export) && result.GetResult(option) is { Implicit: false }) result.AddError($"'--export' and '{option.Name}': nothing is trained; leave one of them out.");
        });
        command.SetAction(async (result, stop) => await Task.Run(() => Run(
            result.GetRequiredValue(config), result.GetValue(output), result.GetValue(checkpoints), result.GetValue(steps),
            Math.Max(1, result.GetValue(every)), TimeSpan.FromMinutes(result.GetValue(minutes)), result.GetValue(restart), result.GetValue(export), result.Place(device), stop), CancellationToken.None));
        return command;
    }

    private static int Run(FileInfo config, DirectoryInfo? output, DirectoryInfo? checkpoints, int? steps, int every, TimeSpan saveEvery, bool restart, bool export, Device device, CancellationToken stop)
    {
        var recipe = TrainingRecipe.Load(config.FullName);
        var folder = checkpoints?.FullName ?? Path.Combine("data", "checkpoints", recipe.Name);
        var target = output?.FullName ?? config.DirectoryName!;
        using var held = export ? null : Trainer.Hold(folder, empty: restart);
        using var trainer = new Trainer(recipe, File.ReadAllText(config.FullName), new BatchSource(), folder, device, reading: export);
        Console.Error.WriteLine($"{recipe.Name}: {trainer.Weights.Values.Sum(w => w.NumberOfElements):N0} parameters, {recipe.TotalSteps} steps, {recipe.Workers} workers, "
            + (trainer.Step == 0 ? "from the start." : $"resumed after step {trainer.Step}."));
        var finished = trainer.Step >= recipe.TotalSteps
            || (!export && trainer.Run(report => Print(report, trainer), every, saveEvery, steps, stop));
        if (finished || export)
        {
            TrainedModel.Write(trainer, target);
            Console.Error.WriteLine($"{target}: model written after step {trainer.Step}.");
            return 0;
        }
        Console.Error.WriteLine($"stopped after step {trainer.Step}; the same command goes on from there.");
        return stop.IsCancellationRequested ? 130 : 0;
    }

    private static void Print(StepReport r, Trainer trainer)
    {
        var left = TimeSpan.FromSeconds((trainer.TotalTokens - trainer.Tokens) / Math.Max(1, r.TokensPerSecond));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{r.Step,6}/{r.TotalSteps} {r.Phase,-8} loss {r.Figures.MeanAnswerLoss:0.000} other {r.Figures.MeanOtherLoss:0.000}  norm {r.GradientNorm:0.00}  {r.TokensPerSecond,7:0} tokens/s  about {left:h\\:mm} left  {r.Figures.FamilyLine()}"));
    }
}
