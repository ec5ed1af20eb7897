using System.Collections.Concurrent;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Training;

/// <summary>Makes the documents of each step, so that document (seed, step, worker, row) is always the same.</summary>
public class BatchSource
{
    private readonly ConcurrentBag<WorldGenerator> generators = [];

    /// <summary>The model's configuration: the recipe's sizes and the world's vocabulary.</summary>
    public static ModelConfig Configure(ModelSizes sizes) => new()
    {
        Architecture = "LlamaForCausalLM",
        VocabSize = WorldTokenizer.Shared.Size,
        HiddenSize = sizes.Hidden,
        IntermediateSize = sizes.Intermediate,
        Layers = sizes.Layers,
        QueryHeads = sizes.QueryHeads,
        KvHeads = sizes.KvHeads,
        HeadDim = sizes.HeadDim,
        NormEpsilon = 1e-5,
        RopeTheta = sizes.RopeTheta,
        MaxPositions = sizes.MaxPositions,
        BosId = WorldTokenizer.Shared.BeginOfText,
        EosIds = [WorldTokenizer.Shared.EndOfText],
        StorageType = NumberFormat.BFloat16,
    };

    /// <summary>One worker's batch of one step.</summary>
    internal virtual Batch Make(TrainingRecipe recipe, int step, int worker, TrainingPhase phase)
    {
        if (!generators.TryTake(out var generator)) generator = new WorldGenerator();
        var options = phase.ToWorldOptions();
        var batch = new Batch(phase.Documents, phase.Tokens);
        for (var row = 0; row < phase.Documents; row++)
        {
            var index = ((long)step * recipe.Workers + worker) * MostDocuments + row;
            batch.Set(row, generator.Document(options, WorldSplit.Train, recipe.Seed, index), phase.FirstTokenWeight);
        }
        generators.Add(generator);
        return batch;
    }

    private const int MostDocuments = 1 << 12;
}
