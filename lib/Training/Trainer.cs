using HeadKvLab.Storage;
using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Training;

/// <summary>
/// Trains the bundled model from a recipe: synchronous data-parallel AdamW over documents that exist only while they are read.
/// Document seeds follow from (recipe seed, step, worker, document), gradients are added in a fixed order, and every worker computes on
/// one thread: so a run repeats its losses, and a resumed run goes on as if it had never stopped.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainingRecipe recipe;
    private readonly string recipeText;
    private readonly BatchSource batches;
    private readonly ModelConfig config;
    private readonly Dictionary<string, Parameter> master = [];
    private readonly LatentProjections? latent;
    private readonly Decoder? teacher;
    private readonly Worker[] workers;
    private readonly AdamW[] optimizers;
    private readonly Checkpoint checkpoint;
    private readonly TrainingLog log;
    private StepFigures figures = new();   // since the last report

    /// <summary>Prepares the model, fresh or from the newest checkpoint.</summary>
    /// <param name="recipe">What to train.</param>
    /// <param name="recipeText">Its text, stored with checkpoints so that a changed recipe does not silently continue an old run.</param>
    /// <param name="batches">Makes documents.</param>
    /// <param name="folder">Where checkpoints and <c>log.csv</c> go.</param>
    /// <param name="device">Where weights, gradients and optimiser live; null: CPU.</param>
    /// <param name="reading">Only look at the newest checkpoint, and leave the folder as it is: another process may be training there.</param>
    /// <exception cref="LabException">The checkpoint is of another recipe.</exception>
    public Trainer(TrainingRecipe recipe, string recipeText, BatchSource batches, string folder, Device? device = null, bool reading = false)
    {
        (this.recipe, this.recipeText, this.batches) = (recipe, recipeText, batches);
        config = BatchSource.Configure(recipe.Model);
        if (recipe.Latent is { } groups) config = config with { KvInputs = groups.Inputs(config.Layers) };
        Directory.CreateDirectory(folder);
        LogPath = Path.Combine(folder, "log.csv");
        (checkpoint, log) = (new Checkpoint(folder), new TrainingLog(LogPath));

        var compute = recipe.ComputeFormat.Scalar();
        if (recipe.Continue is { } folderOfStart) StartFrom(folderOfStart, device ?? CPU);
        else StartAfresh(device ?? CPU);
        if (recipe.Teacher > 0) teacher = Frozen(BatchSource.Configure(recipe.Model), compute);
        if (recipe.Latent is { } wanted) latent = new(wanted, config, master, device ?? CPU);
        workers = [.. Enumerable.Range(0, recipe.Workers).Select(_ => new Worker(config, master, compute, teacher, recipe.Teacher))];

        var settings = recipe.Optimizer;
        AdamW Adam(bool matrices, double decay) => optim.AdamW(
            master.Where(w => IsLayerMatrix(w.Key) == matrices && latent?.IsProduct(w.Key) != true).Select(w => w.Value), lr: 1e-3, beta1: settings.Beta1, beta2: settings.Beta2, weight_decay: decay);
        optimizers = [Adam(true, settings.WeightDecay), Adam(false, 0)];

        var progress = checkpoint.Load(recipe, master, optimizers);
        if (progress is not null) (Step, Tokens, Seconds, figures) = (progress.Step, progress.Tokens, progress.Seconds, StepFigures.Of(progress.SinceReport));
        else StartLatent();
        if (!reading) log.CutAfter(Step);
    }

    private void StartAfresh(Device device)
    {
        var start = InitialWeights.Ordinary(config, (ulong)recipe.Seed);
        if (recipe.Start == "structured") StructuredStart.Apply(config, start);
        foreach (var (name, matrix) in start.All)
        {
            using var scope = NewDisposeScope();
            master.Add(name, new Parameter(tensor(matrix.Values).view(matrix.Shape).to(device)));
            master[name].DetachFromDisposeScope();
        }
    }

    private void StartFrom(string path, Device device)
    {
        using var folder = ModelFolder.Open(path);
        var given = folder.Config;
        if ((given.VocabSize, given.HiddenSize, given.IntermediateSize, given.Layers, given.QueryHeads, given.KvHeads, given.HeadDim, given.RopeTheta, given.KvInputs.Count)
            != (config.VocabSize, config.HiddenSize, config.IntermediateSize, config.Layers, config.QueryHeads, config.KvHeads, config.HeadDim, config.RopeTheta, 0))
            throw new LabException($"{path}: this model has other sizes than the recipe, or latent vectors already: give the recipe its sizes, or continue from another");
        foreach (var tensor in ModelTensors.Of(config))
        {
            using var scope = NewDisposeScope();
            master.Add(tensor.Name, new Parameter(folder.Load(tensor.Name, ScalarType.Float32).to(device).clone()));
            master[tensor.Name].DetachFromDisposeScope();
        }
    }

    /// <summary>A decoder over copies of the weights as they are now.</summary>
    private Decoder Frozen(ModelConfig plain, ScalarType compute) => new(plain, (name, _) => new Parameter(master[name].detach().clone(), requires_grad: false), compute);

    /// <summary>Fits latent projections to the weights that the run starts from.</summary>
    private void StartLatent()
    {
        if (latent is null) return;
        using var decoder = Frozen(BatchSource.Configure(recipe.Model), ScalarType.Float32);
        latent.Start(decoder, Enumerable.Range(0, FittingBatches).Select(step => batches.Make(recipe, step, 0, recipe.Phases[^1])));
    }

    private const int FittingBatches = 32;

    /// <summary>Takes a checkpoint folder for this process, made if need be: two that train in one folder would overwrite each other's checkpoints.</summary>
    /// <param name="folder">The folder of checkpoints.</param>
    /// <param name="empty">Throw away what earlier runs left there.</param>
    /// <exception cref="LabException">Another process trains there.</exception>
    public static FolderLock Hold(string folder, bool empty = false)
    {
        Directory.CreateDirectory(folder);
        var held = FolderLock.Take(folder, cure: "stop it, or give another folder by --checkpoints");
        if (!empty) return held;
        foreach (var old in Directory.EnumerateDirectories(folder, "step-*").ToArray()) Directory.Delete(old, recursive: true);
        File.Delete(Path.Combine(folder, "log.csv"));
        return held;
    }

    /// <summary>The CSV log of the run.</summary>
    public string LogPath { get; }

    /// <summary>The model's sizes.</summary>
    public ModelConfig Config => config;

    /// <summary>Steps done.</summary>
    public int Step { get; private set; }

    /// <summary>Tokens read, all workers.</summary>
    public long Tokens { get; private set; }

    /// <summary>Tokens of the whole recipe.</summary>
    public long TotalTokens => recipe.Phases.Sum(phase => (long)phase.Steps * phase.Tokens * phase.Documents * recipe.Workers);

    /// <summary>Time spent, earlier runs included.</summary>
    public double Seconds { get; private set; }

    /// <summary>The trained weights, by Hugging Face name.</summary>
    public IReadOnlyDictionary<string, Parameter> Weights => master;

    /// <summary>Trains to the end of the recipe, or until asked to stop; either way the last state is on disk when it returns.</summary>
    /// <param name="report">Called every <paramref name="every"/> steps with the figures since the last call.</param>
    /// <param name="every">Steps between reports.</param>
    /// <param name="saveEvery">Time between checkpoints.</param>
    /// <param name="upTo">Stops after this step; null: all steps.</param>
    /// <param name="stop">Asks for a stop at the next step.</param>
    /// <returns>True when the recipe is finished.</returns>
    public bool Run(Action<StepReport> report, int every, TimeSpan saveEvery, int? upTo, CancellationToken stop)
    {
        var end = Math.Min(upTo ?? int.MaxValue, recipe.TotalSteps);
        var (saved, clock) = (Stopwatch.StartNew(), Stopwatch.StartNew());
        var (secondsBefore, tokensBefore) = (Seconds, Tokens);
        while (Step < end && !stop.IsCancellationRequested)
        {
            var (phase, _) = recipe.At(Step);
            var rate = recipe.RateAt(Step);
            var norm = StepOnce(phase, rate);
            Step++;
            Seconds = secondsBefore + clock.Elapsed.TotalSeconds;
            if (Step % every == 0 || Step == end)
            {
                log.Append(Step, phase.Name, Seconds, Tokens, rate, norm, figures);
                report(new StepReport(Step, recipe.TotalSteps, phase.Name, figures, (Tokens - tokensBefore) / clock.Elapsed.TotalSeconds, norm, rate));
                figures = new StepFigures();
            }
            if (saved.Elapsed < saveEvery) continue;
            Save();
            saved.Restart();
        }
        Save();
        return Step >= recipe.TotalSteps;
    }

    private double StepOnce(TrainingPhase phase, double rate)
    {
        var threadsBefore = get_num_threads();
        var parts = new StepFigures[workers.Length];
        var others = Enumerable.Range(1, workers.Length - 1).Select(w => Task.Factory.StartNew(() => Work(w), default, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        try
        {
            Work(0);
        }
        finally
        {
            try
            {
                Task.WhenAll(others).GetAwaiter().GetResult(); // even when the first failed: they read what the caller is going to dispose
            }
            finally
            {
                set_num_threads(threadsBefore); // now that all are done: it would reach into their products
            }
        }
        foreach (var part in parts) figures.Add(part);
        Tokens += (long)phase.Tokens * phase.Documents * workers.Length;

        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        GatherGradients();
        var norm = nn.utils.clip_grad_norm_(master.Values, recipe.Optimizer.Clip);
        if (!double.IsFinite(norm))
            throw new LabException(FormattableString.Invariant($"step {Step + 1}: the gradient's norm is {norm}, so that the weights would be lost; the last checkpoint is whole. Lower the recipe's rate, or its clip, and train afresh (--restart)"));
        foreach (var optimizer in optimizers)
        {
            foreach (var group in optimizer.ParamGroups) group.LearningRate = rate;
            optimizer.step();
        }
        latent?.Merge();
        return norm;

        void Work(int worker)   // on a thread of its own: the thread pool would often run all workers one after another
        {
            set_num_threads(1);
            parts[worker] = workers[worker].Run(batches.Make(recipe, Step, worker, phase), phase);
        }
    }

    /// <summary>Mean of the workers' gradients, in worker order, moved to the master.</summary>
    private void GatherGradients()
    {
        foreach (var (name, weight) in master)
        {
            if (!workers[0].Weights.ContainsKey(name)) continue; // a factor
            var sum = workers[0].Weights[name].grad!.clone();
            for (var w = 1; w < workers.Length; w++) sum = sum.add(workers[w].Weights[name].grad!);
            weight.grad = sum.div(workers.Length);
            foreach (var worker in workers) worker.Weights[name].grad!.zero_();
        }
        latent?.PassGradients();
    }

    private void Save() => checkpoint.Save(new Checkpoint.Progress(Step, Tokens, Seconds, recipeText, figures.ToSums()), master, optimizers);

    private static bool IsLayerMatrix(string name) => name.Contains("_proj", StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var worker in workers) worker.Dispose();
        teacher?.Dispose();
        foreach (var optimizer in optimizers) optimizer.Dispose();
        foreach (var weight in master.Values) weight.Dispose();
    }
}

/// <summary>What a report of the trainer tells.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Steps of the recipe.</param>
/// <param name="Phase">Name of the phase.</param>
/// <param name="Figures">Losses and accuracies since the last report.</param>
/// <param name="TokensPerSecond">Over this run.</param>
/// <param name="GradientNorm">Before clipping, of the last step.</param>
/// <param name="Rate">Learning rate of the last step.</param>
public sealed record StepReport(int Step, int TotalSteps, string Phase, StepFigures Figures, double TokensPerSecond, double GradientNorm, double Rate);
