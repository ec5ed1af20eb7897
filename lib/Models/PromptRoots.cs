using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>Keys and values of one prompt that several layers read: each root's are held until the last layer that shares them has attended.</summary>
/// <param name="layers">Which layer reads which.</param>
internal sealed class PromptRoots(LayerMap layers) : IDisposable
{
    private readonly Dictionary<int, (Tensor Keys, Tensor Values)> _held = [];

    /// <summary>Where a shared layer reads; null for a layer that stores.</summary>
    internal ILayerStore? StoreOf(int layer) => layers.IsShared(layer) && _held[layers.Root(layer)] is var (keys, values) ? new SharedStore(keys, values) : null;

    /// <summary>What keeps the keys and values of a root; null for a layer that nobody shares.</summary>
    internal Action<Tensor, Tensor>? Keeper(int layer) => LastReader(layer) == layer ? null
        : (keys, values) => _held[layer] = (keys.alias().DetachFromDisposeScope(), values.alias().DetachFromDisposeScope());

    /// <summary>Frees what no layer behind this one reads.</summary>
    internal void Release(int layer)
    {
        if (LastReader(layers.Root(layer)) == layer && _held.Remove(layers.Root(layer), out var held)) Free(held);
    }

    /// <summary>Frees what is held, where a prefill fails.</summary>
    public void Dispose()
    {
        foreach (var held in _held.Values) Free(held);
        _held.Clear();
    }

    private int LastReader(int root) => Math.Max(root, layers.Roots.ToList().LastIndexOf(root));

    private static void Free((Tensor Keys, Tensor Values) held)
    {
        held.Keys.Dispose();
        held.Values.Dispose();
    }
}
