using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Inputs of layers that later layers project keys and values from, held until the last of them has (<see cref="ModelConfig.KvInputs"/>).
/// </summary>
/// <param name="config">Names the layers.</param>
internal sealed class KvInputs(ModelConfig config) : IDisposable
{
    private readonly Dictionary<int, Tensor> _held = [];

    /// <summary>Those of a model; null: each layer projects its own input.</summary>
    internal static KvInputs? Of(ModelConfig config) => config.KvInputs.Count == 0 ? null : new(config);

    /// <summary>What the keys and values of a layer are projected from.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="own">Its own input, normalised, <c>[batch, token, hidden]</c>.</param>
    internal Tensor Of(int layer, Tensor own)
    {
        if (config.KvInputs.Skip(layer + 1).Contains(layer)) _held.Add(layer, own.alias().DetachFromDisposeScope());
        return config.KvInputOf(layer) == layer ? own : _held[config.KvInputOf(layer)];
    }

    /// <summary>Lets them go; what autograd wants of them it holds itself.</summary>
    public void Dispose()
    {
        foreach (var held in _held.Values) held.Dispose();
        _held.Clear();
    }
}
