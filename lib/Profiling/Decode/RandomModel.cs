using HeadKvLab.Cache;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Decode;

/// <summary>Decoders with random weights: time and memory depend on sizes alone, so any model can be timed from its config.</summary>
public static class RandomModel
{
    /// <summary>Matrices N(0, 0.02²), rounded to the config's storage type as a checkpoint's are, norm gains 1, biases 0.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="seed">Equal seeds give equal weights with the same libtorch.</param>
    /// <param name="type">Type of the matrices.</param>
    /// <param name="device">Where the weights go; null: CPU.</param>
    public static Decoder Create(ModelConfig config, int seed = 1, ScalarType type = ScalarType.Float32, Device? device = null)
    {
        manual_seed(seed);
        using var quiet = no_grad();
        return new Decoder(config, (name, shape) => nn.Parameter(Loaded(name, shape).DetachFromDisposeScope(), requires_grad: false), type);

        Tensor Loaded(string name, long[] shape)
        {
            using var scope = NewDisposeScope();
            var values = Values(name, shape, config.StorageType.Scalar());
            if (shape.Length == 2) values = values.to_type(type);
            return (device is null ? values : values.to(device)).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Writes such a model as a Hugging Face folder without tokenizer.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="folder">Made if need be.</param>
    /// <param name="seed">As for <see cref="Create"/>.</param>
    public static void Write(ModelConfig config, string folder, int seed = 1)
    {
        manual_seed(seed);
        using var scope = NewDisposeScope();
        config.Save(folder);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), ModelTensors.Of(config).Select(t => (t.Name, Values(t.Name, t.Shape, config.StorageType.Scalar()))));
    }

    private static Tensor Values(string name, long[] shape, ScalarType type) =>
        shape.Length == 2 ? randn(shape).mul_(0.02f).to_type(type)
        : name.EndsWith(".bias", StringComparison.Ordinal) ? zeros(shape) : ones(shape);
}
