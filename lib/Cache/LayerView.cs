using TorchSharp;

namespace HeadKvLab.Cache;

/// <summary>
/// What a scorer looks at: the entries of a rectangle of heads, all heads of a layer right after it attended to the prompt. The tensors belong to the decoder
/// and live only until <see cref="IPromptSink.Accept"/> returns.
/// </summary>
/// <param name="Layer">Index of the layer, 0 first.</param>
/// <param name="Keys">Keys after RoPE, <c>[kvHead, position, dim]</c>, float32.</param>
/// <param name="Values">Values, <c>[kvHead, position, dim]</c>, float32.</param>
/// <param name="Queries">Queries after RoPE of the last positions, as many as were asked for, <c>[queryHead, query, dim]</c>, float32, unscaled.</param>
/// <param name="Scale">Factor of the attention logits, 1/sqrt(dim) in ordinary models.</param>
/// <param name="SlidingWindow">Positions a query of this layer sees, itself included; null: all before it.</param>
/// <param name="Sums">What was asked for of sums over the queries of the prompt, each <c>[queryHead, position]</c>, float32; null where none was.</param>
/// <param name="Kinds">Kinds of the prompt's tokens, <c>[position]</c>; null where nobody asked for them.</param>
/// <param name="Mixed">What each head mixes from the values, before the output projection, <c>[queryHead, position, dim]</c>; null where nobody asked for it.</param>
public readonly record struct LayerView(
    int Layer, torch.Tensor Keys, torch.Tensor Values, torch.Tensor Queries, float Scale, int? SlidingWindow = null,
    IReadOnlyDictionary<AttentionSum, torch.Tensor>? Sums = null, ReadOnlyMemory<TokenKind>? Kinds = null, torch.Tensor? Mixed = null)
{
    /// <summary>Number of positions, n.</summary>
    public int Length => (int)Keys.shape[1];

    /// <summary>A sum over the queries of the prompt, <c>[queryHead, position]</c>; null where nobody asked for it.</summary>
    public torch.Tensor? Sum(AttentionSum wanted) => Sums?.GetValueOrDefault(wanted);
}
