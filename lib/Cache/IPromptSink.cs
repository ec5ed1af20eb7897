using TorchSharp;

namespace HeadKvLab.Cache;

/// <summary>Makes a cache of what it keeps of one prompt.</summary>
public interface IPromptCompressor : IPromptSink, IDisposable
{
    /// <summary>The compressed cache after the last layer; the caller owns it.</summary>
    /// <exception cref="InvalidOperationException">Layers are missing, or the cache was taken before.</exception>
    RaggedCache TakeCache();
}

/// <summary>
/// Receives the layers of one prefill in order and stores what it wants of them, so that only one layer is ever uncompressed.
/// The model knows nothing else of eviction.
/// </summary>
public interface IPromptSink
{
    /// <summary>What the sink must see beside keys and values; asked before each layer.</summary>
    ScorerNeeds Needs { get; }

    /// <summary>The layers that are shared in the prefill it receives; null: none. All who look at one prefill have the same.</summary>
    LayerMap? Layers => null;

    /// <summary>Takes one layer; called once for each layer that stores entries, in ascending order.</summary>
    void Accept(in LayerView layer);

    /// <summary>Takes one layer once the prompt was read again, in the same order, with what was measured then; called only where <see cref="ScorerNeeds.Replays"/> ask for it.</summary>
    void AcceptReplayed(in LayerView layer)
    {
    }

    /// <summary>
    /// Sees what attention adds to the residual stream, after <see cref="Accept"/> and only where <see cref="ScorerNeeds.Stream"/> asks for it: block by block of positions, in order.
    /// </summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="before">The stream before attention, <c>[position, hidden]</c>; it lives only until this returns.</param>
    /// <param name="after">The stream with what attention added, same shape.</param>
    void Attended(int layer, torch.Tensor before, torch.Tensor after)
    {
    }
}
