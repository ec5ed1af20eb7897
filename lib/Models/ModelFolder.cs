using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// A model in Hugging Face form: <c>config.json</c> with <c>model.safetensors</c>, or with shards and <c>model.safetensors.index.json</c>.
/// Opening checks that every weight the configuration calls for is there, in its shape and in a floating type, before anything large is allocated;
/// and that tensors it does not call for hold what follows from it (<see cref="SpareTensors"/>).
/// </summary>
public sealed class ModelFolder : IDisposable
{
    private readonly ShardedWeights weights;

    private ModelFolder(string directory, ModelConfig config, ShardedWeights weights, bool untied)
    {
        IsUntiedByWeights = untied;
        DirectoryName = directory;
        Config = config;
        this.weights = weights;
    }

    /// <summary>Path of the folder.</summary>
    public string DirectoryName { get; }

    /// <summary>The model's configuration.</summary>
    public ModelConfig Config { get; }

    /// <summary>True when config.json ties the output matrix to the embedding, but the weights hold another one, which is computed with.</summary>
    public bool IsUntiedByWeights { get; }

    /// <summary>Weights by name, from all shards.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => weights.Tensors;

    /// <summary>Size of the weights, bytes.</summary>
    public long WeightBytes => Tensors.Values.Sum(tensor => tensor.Length);

    /// <summary>Opens a folder and checks it.</summary>
    /// <exception cref="LabException">A file is missing or broken, or weights and configuration disagree.</exception>
    public static ModelFolder Open(string directory)
    {
        var config = ModelConfig.Load(directory);
        if (File.Exists(Path.Combine(directory, "adapter_config.json")))
            throw new LabException($"{Path.Combine(directory, "adapter_config.json")}: the folder holds an adapter, which changes the weights when it is loaded: merge it into them, or remove its files");
        var weights = ShardedWeights.Open(directory, ModelTensors.Of(config).Select(tensor => tensor.Name).ToHashSet());
        try
        {
            var actual = SpareTensors.Untie(config, weights);
            Check(actual, weights);
            SpareTensors.CheckFrequencies(actual, weights);
            return new ModelFolder(directory, actual, weights, actual.TieEmbeddings != config.TieEmbeddings);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Reads one weight.</summary>
    /// <param name="name">Hugging Face name.</param>
    /// <param name="type">Number type wanted; null keeps the stored one.</param>
    public Tensor Load(string name, ScalarType? type = null) => weights.Load(name, type);

    /// <summary>Writes a model: configuration and weights.</summary>
    /// <param name="directory">Folder to create or complete.</param>
    /// <param name="config">Its configuration; <see cref="ModelConfig.StorageType"/> is the type written.</param>
    /// <param name="load">Gives each weight by name; it is converted and disposed here.</param>
    public static void Save(string directory, ModelConfig config, Func<string, Tensor> load)
    {
        var type = config.StorageType.Scalar();
        config.Save(directory);
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(Path.Combine(directory, "model.safetensors"), [.. ModelTensors.Of(config).Select(tensor => (tensor.Name, load(tensor.Name).to_type(type)))]);
    }

    /// <summary>Closes the files.</summary>
    public void Dispose() => weights.Dispose();

    private static void Check(ModelConfig config, ShardedWeights weights)
    {
        var expected = new HashSet<string>();
        foreach (var (name, shape) in ModelTensors.Of(config))
        {
            expected.Add(name);
            if (!weights.Tensors.TryGetValue(name, out var entry)) throw new LabException($"{weights.File}: has no tensor '{name}', which config.json calls for{(name == ModelTensors.Output ? " (unless tie_word_embeddings is true)" : "")}: the checkpoint is incomplete or belongs to another config");
            if (!entry.Shape.AsSpan().SequenceEqual(shape)) throw new LabException($"{weights.FileOf(name)}: tensor '{name}' has shape [{string.Join(", ", entry.Shape)}], config.json calls for [{string.Join(", ", shape)}]: the two files belong to different models");
            if (entry.Type is not ("F32" or "BF16" or "F16")) throw new LabException($"{weights.FileOf(name)}: tensor '{name}' is stored as {entry.Type}: this lab computes with F32, BF16 and F16 weights; convert the checkpoint");
        }
        if (weights.Tensors.Keys.FirstOrDefault(name => !expected.Contains(name) && !SpareTensors.Contains(name)) is { } unknown)
            throw new LabException($"{weights.FileOf(unknown)}: tensor '{unknown}' has no place in {config.Architecture} as config.json describes it: computing without it would be another model");
    }
}
