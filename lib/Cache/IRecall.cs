namespace HeadKvLab.Cache;

/// <summary>Says which stored entries a token's queries read while text is generated. Nothing is dropped: what one token passes over, the next may read.</summary>
public interface IRecall
{
    /// <summary>Its name with all its settings: <c>Quest budget=64 page=16 full-layers=2</c>.</summary>
    string Name { get; }

    /// <summary>The index of a layer, empty: it learns the entries when the first token asks.</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="shape">The cache.</param>
    /// <returns>Null: this layer is always read whole.</returns>
    IRecallIndex? Build(int layer, CacheShape shape);

    /// <summary>Bytes of what the index remembers of one head, known beforehand: what <see cref="IRecallIndex.Bytes"/> says of all heads together.</summary>
    /// <param name="layer">Layer of the head.</param>
    /// <param name="entries">Entries that it holds, that of the asking token the last.</param>
    /// <param name="shape">The cache.</param>
    long BytesFor(int layer, int entries, CacheShape shape);

    /// <summary>Steps whose choices a near memory holds while all entries lie in a far one; 0: there is one memory.</summary>
    int Near => 0;
}

/// <summary>What a recall knows of a layer's entries, and how it chooses among them. A part of the cache, cloned with it.</summary>
public interface IRecallIndex
{
    /// <summary>Learns a prompt's entries before they are sealed, but for the last, which may be computed again. One that does not learns them as they are stored, when it is asked.</summary>
    /// <param name="entries">The layer's entries, in rows.</param>
    void Learn(LayerCache entries)
    {
    }

    /// <summary>Chooses entries for one token, for each query head in order (or each KV head, see <see cref="ByKvHead"/>). The same entries and queries give the same choice.</summary>
    /// <param name="entries">The layer's entries, those of the token last; the index learns here what was appended since it was last asked.</param>
    /// <param name="queries">Queries after RoPE, <c>[queryHead * dim]</c>, unscaled.</param>
    /// <param name="choice">Takes the choice.</param>
    void Choose(LayerCache entries, ReadOnlySpan<float> queries, RecallChoice choice);

    /// <summary>Forgets entries of a head, from one on: they are gone, or others stand in their place.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="entries">Entries that are as they were, from the first on.</param>
    void Truncate(int kvHead, int entries);

    /// <summary>Bytes of what it remembers of the entries.</summary>
    long Bytes { get; }

    /// <summary>Whether it is asked once for each KV head, with the sum of the queries that share it; they then read the same entries.</summary>
    bool ByKvHead => false;

    /// <summary>What a near tier of chosen entries would have held; null where the index does not choose entries in fixed units.</summary>
    NearTier? Tier => null;

    /// <summary>The same for a copy of the cache, as it stands now; what is counted begins anew.</summary>
    IRecallIndex Clone();
}
