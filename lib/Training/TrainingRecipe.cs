using HeadKvLab.Kernels;
using HeadKvLab.World;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadKvLab.Training;

/// <summary>
/// Everything a training run depends on: <c>data/models/NAME/train.json</c>. The same recipe on the same machine kind repeats the same losses.
/// </summary>
public sealed record TrainingRecipe
{
    private static readonly IReadOnlyList<NumberFormat> ComputeFormats = [NumberFormat.BFloat16, NumberFormat.Float32];

    /// <summary>What the run is called; names the checkpoint folder.</summary>
    public required string Name { get; init; }

    /// <summary>Sizes of the model; the vocabulary comes from the tokenizer.</summary>
    public required ModelSizes Model { get; init; }

    /// <summary>Seed of the initial weights and of every document.</summary>
    public int Seed { get; init; } = 1;

    /// <summary><c>structured</c> (<see cref="StructuredStart"/>) or <c>ordinary</c>.</summary>
    public string Start { get; init; } = "ordinary";

    /// <summary>Folder of a model whose weights the run starts from, seen from where the program runs; null: as <see cref="Start"/> says.</summary>
    public string? Continue { get; init; }

    /// <summary>Latent vectors for the keys and values of groups of layers; null: none. It needs <see cref="Continue"/>.</summary>
    public LatentTraining? Latent { get; init; }

    /// <summary>Weight of the divergence from the predictions of the model of <see cref="Continue"/> on answer tokens; 0: there is no teacher.</summary>
    public double Teacher { get; init; }

    /// <summary>Data-parallel workers, one thread each. Part of the recipe because it sets the documents of a step.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Type of the matrix products: <c>bfloat16</c> or <c>float32</c>; weights and optimiser stay float32.</summary>
    public string Compute { get; init; } = "bfloat16";

    /// <summary><see cref="Compute"/> as a format.</summary>
    [JsonIgnore]
    public NumberFormat ComputeFormat => Names<NumberFormat>.Parse(Compute, "compute", ComputeFormats);

    /// <summary>AdamW and clipping.</summary>
    public OptimizerSettings Optimizer { get; init; } = new();

    /// <summary>The phases, in order.</summary>
    public required IReadOnlyList<TrainingPhase> Phases { get; init; }

    /// <summary>Steps of all phases.</summary>
    [JsonIgnore]
    public int TotalSteps => Phases.Sum(phase => phase.Steps);

    /// <summary>The phase of a global step, and the step inside it.</summary>
    public (TrainingPhase Phase, int Step) At(int step)
    {
        foreach (var phase in Phases)
        {
            if (step < phase.Steps) return (phase, step);
            step -= phase.Steps;
        }
        throw new ArgumentOutOfRangeException(nameof(step));
    }

    /// <summary>Learning rate of a global step: linear inside its phase, with a linear warm-up over the first steps of the run.</summary>
    public double RateAt(int step)
    {
        var (phase, inside) = At(step);
        var rate = phase.RateStart + (phase.RateEnd - phase.RateStart) * inside / Math.Max(1, phase.Steps);
        return rate * Math.Min(1.0, (step + 1.0) / Math.Max(1, Optimizer.WarmUp));
    }

    /// <summary>
    /// Whether the first <paramref name="steps"/> steps are those of <paramref name="earlier"/>: same model, seed, workers and optimiser, and for each step
    /// the same documents, weights of the loss and rate. Names and later phases may differ, so a finished run can be continued by adding phases.
    /// </summary>
    public bool SameUntil(int steps, TrainingRecipe earlier)
    {
        if (steps > TotalSteps || steps > earlier.TotalSteps) return false;
        if ((Model, Seed, Start, Workers, Compute, Optimizer) != (earlier.Model, earlier.Seed, earlier.Start, earlier.Workers, earlier.Compute, earlier.Optimizer)
            || (Continue, Latent, Teacher) != (earlier.Continue, earlier.Latent, earlier.Teacher)) return false;
        return Enumerable.Range(0, steps).All(s => Content(At(s).Phase) == Content(earlier.At(s).Phase) && RateAt(s) == earlier.RateAt(s));

        static TrainingPhase Content(TrainingPhase phase) => phase with { Name = "", Steps = 1, RateStart = 0, RateEnd = 0 };
    }

    /// <summary>Reads a recipe.</summary>
    /// <exception cref="LabException">The file is missing, is no recipe, or holds a value out of range.</exception>
    public static TrainingRecipe Load(string path)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: not found; give the train.json of a model with --config.");
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (JsonException e)
        {
            throw new LabException($"{path}: {e.Message}", e);
        }
    }

    internal static TrainingRecipe Parse(string text, string path)
    {
        var recipe = JsonSerializer.Deserialize<TrainingRecipe>(text, Json) ?? throw new LabException($"{path}: is empty.");
        recipe.Check(path);
        return recipe;
    }

    private void Check(string path)
    {
        void Demand(bool good, string what)
        {
            if (!good) throw new LabException($"{path}: {what}");
        }
        Demand(Phases.Count > 0, "phases: at least one is needed.");
        Demand(Start is "structured" or "ordinary", $"start: '{Start}' is neither 'structured' nor 'ordinary'.");
        Demand(Names<NumberFormat>.TryParse(Compute, out var format) && ComputeFormats.Contains(format), $"compute: '{Compute}' is unknown: use {Names<NumberFormat>.InWords(ComputeFormats)}.");
        Demand(Continue is not null || Latent is null && Teacher == 0, "latent, teacher: both need the weights of a trained model: name its folder as 'continue'.");
        Demand(Latent is null or { Rank: >= 1, Share: >= 1, From: >= 0 } && (Latent?.From ?? 0) < Model.Layers && (Latent?.Rank ?? 0) <= Model.Hidden, $"latent: rank must be 1 to {Model.Hidden}, share 1 or more, from one of the layers 0 to {Model.Layers - 1}.");
        Demand(Teacher is >= 0 and <= 100, "teacher: between 0 and 100.");
        Demand(Workers is >= 1 and <= 64, "workers: between 1 and 64.");
        foreach (var phase in Phases)
        {
            Demand(phase.Steps >= 1 && phase.Documents >= 1, $"phase '{phase.Name}': steps and documents must be at least 1.");
            Demand(phase.Tokens <= Model.MaxPositions && phase.PositionSpan <= Model.MaxPositions, $"phase '{phase.Name}': longer than the model's {Model.MaxPositions} positions.");
            phase.ToWorldOptions().Checked();
        }
    }

    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
    };
}

/// <summary>Sizes of the model to train: a plain Llama without biases.</summary>
public sealed record ModelSizes(int Hidden, int Intermediate, int Layers, int QueryHeads, int KvHeads, int HeadDim, double RopeTheta, int MaxPositions);

/// <summary>AdamW's settings. Decay applies to the layers' matrices only.</summary>
public sealed record OptimizerSettings(double Beta1 = 0.9, double Beta2 = 0.98, double WeightDecay = 0.05, double Clip = 1.0, int WarmUp = 40);

/// <summary>One stretch of the curriculum.</summary>
public sealed record TrainingPhase
{
    /// <summary>Name in the log.</summary>
    public required string Name { get; init; }

    /// <summary>Optimiser steps.</summary>
    public required int Steps { get; init; }

    /// <summary>Tokens of a document.</summary>
    public required int Tokens { get; init; }

    /// <summary>Documents of a step and worker.</summary>
    public required int Documents { get; init; }

    /// <summary>Smallest share of the document that is neither fact nor question.</summary>
    public required double FillerFrom { get; init; }

    /// <summary>Largest such share; each document draws its own.</summary>
    public required double FillerTo { get; init; }

    /// <summary>Largest position that gaps between sentences may reach (skip-wise positions); 0: positions are contiguous.</summary>
    public int PositionSpan { get; init; }

    /// <summary>Learning rate of the first step.</summary>
    public required double RateStart { get; init; }

    /// <summary>Learning rate the phase runs towards.</summary>
    public required double RateEnd { get; init; }

    /// <summary>Weight of the first token of an answer in the loss; the others weigh 1.</summary>
    public double FirstTokenWeight { get; init; } = 2;

    /// <summary>Weight of the mean loss over tokens outside answers.</summary>
    public double OtherWeight { get; init; } = 0.1;

    /// <summary>Relative frequency of each family.</summary>
    public WorldMix Mix { get; init; } = new();

    /// <summary>Probability of each helper question (single hops of the harder ones).</summary>
    public double Helpers { get; init; } = 0.5;

    /// <summary>Probability that a word of the filler may be one that facts use too: more of it makes a short document as misleading as a long one.</summary>
    public double Overlap { get; init; } = 0.05;

    /// <summary>Share of a document that reads its sentences a second time: every token of it teaches to look back, where an answer teaches once in a while.</summary>
    public double Echo { get; init; }

    /// <summary>Probability that a document has sentences of random tokens and no questions.</summary>
    public double Babble { get; init; }

    /// <summary>Random tokens are drawn from the first so many ids of the vocabulary; 0: from all.</summary>
    public int BabbleWords { get; init; }

    /// <summary>The generator's options for this phase.</summary>
    internal WorldOptions ToWorldOptions() => new()
    {
        Tokens = Tokens, FillerFrom = FillerFrom, FillerTo = FillerTo, PositionSpan = PositionSpan, Mix = Mix, Helpers = Helpers, Overlap = Overlap, Echo = Echo, Babble = Babble, BabbleWords = BabbleWords,
    };
}
