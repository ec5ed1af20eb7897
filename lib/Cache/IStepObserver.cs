namespace HeadKvLab.Cache;

/// <summary>Looks at the attention of tokens being decoded, to score heads for example.</summary>
public interface IStepObserver
{
    /// <summary>Whether it looks at attention weights; the decode kernel writes them down only then.</summary>
    bool WantsWeights => false;

    /// <summary>Called for each layer, in ascending order, after the token attended.</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="queries">Queries after RoPE, <c>[queryHead * dim]</c>, unscaled.</param>
    /// <param name="weights">The attention weights, where they are wanted.</param>
    /// <param name="cache">The entries that the layer reads, those of its root where it is shared; the token's own last.</param>
    void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache);
}

/// <summary>Looks after one cache while text is generated: it may drop entries again after each token. A part of the cache, cloned with it.</summary>
public interface IRetention : IStepObserver
{
    /// <summary>The sum that the decode kernel adds to the first marks of the entries, where it wants no weights but for that; it is handed none then. Null: it adds up itself.</summary>
    StepSum? Sum => null;

    /// <summary>Called after a token has passed all layers and is counted.</summary>
    /// <param name="id">The token.</param>
    /// <param name="cache">All entries, those of the token last.</param>
    void Finish(int id, RaggedCache cache);

    /// <summary>Called before the last tokens of the text are taken back.</summary>
    /// <param name="tokens">Tokens that stay.</param>
    /// <param name="before">Tokens of the text.</param>
    /// <exception cref="LabException">What was added up of them cannot be taken back.</exception>
    void TakeBack(int tokens, int before);

    /// <summary>The same for a copy of the cache, as it stands now.</summary>
    IRetention Clone();
}

/// <summary>Attention weights of one token over the entries of a layer, for each query head; entries outside a sliding window have 0.</summary>
/// <param name="numbers">Head after head, in each its query heads, in each its entries; empty where nobody wants them.</param>
/// <param name="counts">Entries of each head, <c>[kvHead]</c>.</param>
/// <param name="group">Query heads of each head.</param>
public readonly ref struct StepWeights(ReadOnlySpan<float> numbers, ReadOnlySpan<int> counts, int group)
{
    private readonly ReadOnlySpan<float> _numbers = numbers;
    private readonly ReadOnlySpan<int> _counts = counts;

    /// <summary>Query heads that share the entries of a head.</summary>
    public int Group { get; } = group;

    /// <summary>Whether nobody wanted them, or the kernel has added them up.</summary>
    public bool IsEmpty => _numbers.IsEmpty;

    /// <summary>Weights of one query head, <c>[entry]</c>; they sum to 1.</summary>
    public ReadOnlySpan<float> this[int queryHead]
    {
        get
        {
            var (head, start) = (queryHead / Group, 0);
            for (var h = 0; h < head; h++) start += Group * _counts[h];
            return _numbers.Slice(start + queryHead % Group * _counts[head], _counts[head]);
        }
    }
}
