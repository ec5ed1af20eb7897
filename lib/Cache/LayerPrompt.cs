using TorchSharp;

namespace HeadKvLab.Cache;

/// <summary>
/// What one decoder layer knows of the prompt right after it attended: everything an eviction method may look at.
/// The tensors belong to the decoder and live only until <see cref="IPromptSink.Accept"/> returns.
/// </summary>
/// <param name="Layer">Index of the layer, 0 first.</param>
/// <param name="Keys">All keys after RoPE, <c>[kvHead, position, dim]</c>, float32.</param>
/// <param name="Values">All values, <c>[kvHead, position, dim]</c>, float32.</param>
/// <param name="Queries">Queries after RoPE of the last positions, <c>[queryHead, window, dim]</c>, float32, unscaled.</param>
/// <param name="Scale">Factor of the attention logits, 1/sqrt(dim) in ordinary models.</param>
/// <param name="SlidingWindow">Positions a query of this layer sees, itself included; null: all before it.</param>
/// <param name="Received">
/// Attention each position received, summed over the queries of the prompt, <c>[queryHead, position]</c>, float32; null where it was not asked for:
/// then it follows from the queries and keys.
/// </param>
public readonly record struct LayerPrompt(
    int Layer, torch.Tensor Keys, torch.Tensor Values, torch.Tensor Queries, float Scale, int? SlidingWindow = null, torch.Tensor? Received = null)
{
    /// <summary>Number of prompt tokens, n.</summary>
    public int Length => (int)Keys.shape[1];
}

/// <summary>
/// Receives the layers of one prefill in order and stores what it wants of them, so that only one layer is ever uncompressed.
/// The model knows nothing else of eviction.
/// </summary>
public interface IPromptSink
{
    /// <summary>How many of the last queries the sink must see; <see cref="int.MaxValue"/> for all of them, and what they attended to in sum.</summary>
    int QueriesWanted { get; }

    /// <summary>Takes one layer; called once for each layer, in ascending order.</summary>
    void Accept(in LayerPrompt layer);
}
