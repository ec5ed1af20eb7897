using HeadKvLab.Cache;
using TorchSharp;

namespace HeadKvLab.Compression;

/// <summary>A way to compress a prompt's cache: what is worth keeping, how much each head may keep, what becomes of the rest.</summary>
/// <param name="Name">Name in the catalogue.</param>
/// <param name="Scorer">Ranks positions inside a head.</param>
/// <param name="Share">Says how many entries each head keeps: an allocator or a bidder.</param>
/// <param name="Settlement">Makes something of what is dropped; null drops it.</param>
public sealed record Method(string Name, IScorer Scorer, IShare Share, ISettlement? Settlement = null)
{
    /// <summary>Ranks positions inside a head. One's own in place of a catalogued one's takes <see cref="Settings"/> away: they were the other's.</summary>
    public IScorer Scorer { get; init => (field, Settings) = (value, Settings.None); } = Scorer;

    /// <summary>Says how many entries each head keeps. One's own in place of a catalogued one's takes <see cref="Settings"/> and <see cref="Tables"/> away.</summary>
    public IShare Share { get; init => (field, Settings, Tables) = (value, Settings.None, Settings.None); } = Share;

    /// <summary>Orders candidates anew once it is known how many each head keeps; null: the scorer's order stands. One's own takes <see cref="Settings"/> away.</summary>
    public IReranker? Reranker { get; init => (field, Settings) = (value, Settings.None); }

    /// <summary>All settings of a catalogued method, defaults included; one's own method names its own here, to have them in its rows.</summary>
    public Settings Settings { get; init; } = Settings.None;

    /// <summary>The tables that the method uses, each by its name with its hash.</summary>
    public Settings Tables { get; init; } = Settings.None;

    /// <summary>Whether the method keeps everything, whatever the budget.</summary>
    public bool KeepsAll => Share is Allocators.FullCache;

    /// <summary>What the scorer and a bidder must see beside keys and values; nothing where everything is kept.</summary>
    /// <exception cref="LabException">The scorer failed.</exception>
    internal ScorerNeeds Needs(int window)
    {
        if (KeepsAll) return ScorerNeeds.None;
        try { return Share is IBidder bidder ? Scorer.Needs(window).Or(bidder.Needs) : Scorer.Needs(window); }
        catch (Exception e) when (MethodFault.IsOwn(e)) { throw MethodFault.Of(this, "scorer", $"{Scorer.GetType().Name}.Needs", e); }
    }

    /// <summary>Has the scorer fill the rows of a layer.</summary>
    /// <exception cref="LabException">The scorer failed, or left a row without a score.</exception>
    internal void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        scores.All.Fill(MethodFault.Unscored); // what borrowed memory held before is no score
        try { Scorer.Score(layer, window, scores); }
        catch (Exception e) when (MethodFault.IsOwn(e)) { throw MethodFault.Of(this, "scorer", $"{Scorer.GetType().Name}.Score, layer {layer.Layer}, {scores.Heads} heads", e); }
        MethodFault.RefuseUnscored(this, layer.Layer, window, scores);
    }

    /// <summary>The scores by which heads choose that keep so many candidates: the scorer's own, or a reranked copy, since others may share them.</summary>
    /// <exception cref="LabException">The reranker failed.</exception>
    internal HeadRows<float> Rerank(in LayerView layer, int window, HeadRows<float> scores, ReadOnlySpan<int> entries)
    {
        if (Reranker is null) return scores;
        var own = new HeadRows<float>(scores.All.ToArray(), scores.Heads, scores.Length);
        try { Reranker.Rerank(layer, own.Trim(Math.Max(0, scores.Length - window)), entries); }
        catch (Exception e) when (MethodFault.IsOwn(e)) { throw MethodFault.Of(this, "reranker", $"{Reranker.GetType().Name}.Rerank, layer {layer.Layer}", e); }
        return own;
    }

    /// <summary>The rows to store as the settlement leaves them; null where the method has none.</summary>
    /// <exception cref="LabException">The settlement failed.</exception>
    internal KeptRows? Settle(in LayerView layer, HeadRows<float> scores, int window, int[][] kept)
    {
        if (Settlement is null) return null;
        using var scope = torch.NewDisposeScope();
        var rows = new KeptRows(layer, kept);
        try { Settlement.Settle(layer, scores, window, rows); }
        catch (Exception e) when (MethodFault.IsOwn(e)) { throw MethodFault.Of(this, "settlement", $"{Settlement.GetType().Name}.Settle, layer {layer.Layer}", e); }
        return rows;
    }
}
