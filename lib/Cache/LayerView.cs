using TorchSharp;

namespace HeadKvLab.Cache;

/// <summary>
/// What a scorer looks at: the entries of a rectangle of heads. Of a prompt it is all heads of a layer and all positions, right after the layer attended; the tensors
/// belong to the decoder and live only until <see cref="IPromptSink.Accept"/> returns. While text is generated it is what a cache holds: all heads of a layer where
/// they hold equally many entries, else one head after the other; then <see cref="Positions"/> tells where the entries stand.
/// </summary>
/// <param name="Layer">Index of the layer, 0 first.</param>
/// <param name="Keys">Keys after RoPE, <c>[kvHead, position, dim]</c>, float32.</param>
/// <param name="Values">Values, <c>[kvHead, position, dim]</c>, float32.</param>
/// <param name="Queries">Queries after RoPE of the last positions, as many as were asked for, <c>[queryHead, query, dim]</c>, float32, unscaled.</param>
/// <param name="Scale">Factor of the attention logits, 1/sqrt(dim) in ordinary models.</param>
/// <param name="SlidingWindow">Positions a query of this layer sees, itself included; null: all before it.</param>
/// <param name="Sums">What was asked for of sums over the queries of the prompt, each <c>[queryHead, position]</c>, float32; null where none was.</param>
/// <param name="Kinds">Kinds of the text's tokens, <c>[position]</c>; null where nobody asked for them.</param>
/// <param name="Mixed">What each head mixes from the values, before the output projection, <c>[queryHead, position, dim]</c>; null where nobody asked for it.</param>
public readonly record struct LayerView(
    int Layer, torch.Tensor Keys, torch.Tensor Values, torch.Tensor Queries, float Scale, int? SlidingWindow = null,
    IReadOnlyDictionary<AttentionSum, torch.Tensor>? Sums = null, ReadOnlyMemory<TokenKind>? Kinds = null, torch.Tensor? Mixed = null)
{
    /// <summary>Entries of a head; of a prompt its positions, n.</summary>
    public int Length => (int)Keys.shape[1];

    /// <summary>Where the entries of each head stand in the text, ascending, <c>[head][entry]</c>; null for a prompt: entry j stands at position j.</summary>
    public IReadOnlyList<ReadOnlyMemory<int>>? Positions { get; init; }

    /// <summary>Tokens of the text so far: n for a prompt.</summary>
    public int Tokens { get => Positions is null ? Length : field; init; }

    /// <summary>First head of the rectangle.</summary>
    public int FirstHead { get; init; }

    /// <summary>Tells the kind of a token that is generated later; null where nobody asked for kinds.</summary>
    public Func<int, TokenKind>? KindOf { get; init; }

    /// <summary>Radians per position by which RoPE turns each pair of a key, <c>[dim / 2]</c>; null: the tensors came without them.</summary>
    public ReadOnlyMemory<float>? Frequencies { get; init; }

    /// <summary>Makes the output projection's part of each query head, <c>[queryHead, dim, hidden]</c>, float32; null: the tensors came without it.</summary>
    public Func<torch.Tensor>? Output { get; init; }

    /// <summary>The residual stream that came into the layer with these tokens, <c>[token, hidden]</c>, float32; null: the tensors came without it.</summary>
    public Func<torch.Tensor>? Input { get; init; }

    /// <summary>What was measured when the prompt was read again, <c>[queryHead, position]</c>, float32; null: it was not.</summary>
    public Func<IReplay, torch.Tensor>? Replayed { get; init; }

    /// <summary>Where an entry stands in the text.</summary>
    /// <param name="kvHead">Head of the rectangle whose keys are read.</param>
    /// <param name="entry">Index of the entry.</param>
    public int Position(int kvHead, int entry) => Positions is null ? entry : Positions[kvHead].Span[entry];

    /// <summary>A sum over the queries of the prompt, <c>[queryHead, position]</c>; null where nobody asked for it.</summary>
    public torch.Tensor? Sum(AttentionSum wanted) => Sums?.GetValueOrDefault(wanted);
}
