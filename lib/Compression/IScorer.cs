using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>
/// What is worth keeping inside a head: gives each prompt position a number, higher is kept longer.
/// Scorers are records of their settings: equal scorers give equal scores, so that methods that share one are scored once.
/// </summary>
public interface IScorer
{
    /// <summary>What it must see beside keys and values: nothing, the window's queries, sums over all queries, kinds of tokens.</summary>
    /// <param name="window">Last positions, which are kept anyway.</param>
    ScorerNeeds Needs(int window);

    /// <summary>
    /// Fills <paramref name="scores"/> <c>[head, position]</c>, a row for each head that owns entries: KV heads or query heads;
    /// <see cref="HeadRows{T}.KvHead"/> tells whose keys and values a row reads. Every row must be filled.
    /// Positions of the window may be left as they are: they are kept anyway.
    /// </summary>
    void Score(in LayerView layer, int window, HeadRows<float> scores);
}

/// <summary>How the scores of the query heads that share a KV head become one.</summary>
public enum GroupReduction
{
    /// <summary>Mean over the group: the default of AdaKV's grouped-query code and of KVCache-Factory.</summary>
    Mean,

    /// <summary>Largest of the group: a token that matters to one query head is kept.</summary>
    Max,

    /// <summary>Sum over the group: the same order as the mean inside a head.</summary>
    Sum,
}
