using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>Orders a head's candidates anew once it is known how many of them it keeps, which a scorer does not know. How many they are is settled: any allocator goes with it, no bidder.</summary>
public interface IReranker
{
    /// <summary>Rewrites the scores of a layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="scores">The scorer's, <c>[head, candidate]</c>.</param>
    /// <param name="entries">Candidates that each head keeps.</param>
    void Rerank(in LayerView layer, HeadRows<float> scores, ReadOnlySpan<int> entries);
}
