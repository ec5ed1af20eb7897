using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>Where a layer's attention puts new entries, and what its queries read: all that a prompt and a single token on a device do differently.</summary>
internal interface ILayerStore
{
    /// <summary>Takes the entries of some tokens and has their queries attend.</summary>
    /// <param name="q">Queries after RoPE, <c>[batch, queryHead, query, dim]</c>: those of the last tokens.</param>
    /// <param name="k">Keys after RoPE, <c>[batch, kvHead, token, dim]</c>.</param>
    /// <param name="v">Values, same shape.</param>
    /// <param name="scale">Factor of the logits.</param>
    /// <param name="slidingWindow">Positions a query sees, itself included; null: all.</param>
    /// <returns>What the heads mix, <c>[batch, queryHead, query, dim]</c>.</returns>
    Tensor Attend(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow);

    /// <summary>Keys and values that the queries read in place of the layer's own, which are then not computed, <c>[batch, kvHead, position, dim]</c>; null: its own.</summary>
    (Tensor Keys, Tensor Values)? Root => null;

    /// <summary>Whether it looks at what attention adds to the residual stream.</summary>
    bool WatchesStream => false;

    /// <summary>Looks at it, a block of rows at a time, <c>[1, row, hidden]</c>.</summary>
    void Attended(Tensor before, Tensor after)
    {
    }
}

/// <summary>A prompt, or a piece of one: tokens see each other, and what an uncompressed cache holds before them.</summary>
/// <param name="layer">Index of the layer.</param>
/// <param name="cache">Keeps the entries; null: nobody does.</param>
/// <param name="sink">Sees them; null: nobody does.</param>
/// <param name="frequencies">Radians per position of each pair that RoPE turns.</param>
/// <param name="output">Makes the output projection's part of each query head; null where nobody looks.</param>
/// <param name="input">The residual stream that comes into the layer, <c>[1, token, hidden]</c>; null where nobody looks.</param>
/// <param name="keep">Receives the keys and values that the queries read, where later layers read them too.</param>
internal sealed class PromptStore(int layer, LayerCache? cache, IPromptSink? sink, ReadOnlyMemory<float>? frequencies = null, Func<Tensor>? output = null, Tensor? input = null, Action<Tensor, Tensor>? keep = null) : ILayerStore
{
    /// <summary>Sequences of a batch, of which nothing is kept: training.</summary>
    internal static PromptStore Nowhere { get; } = new(0, null, null);

    public Tensor Attend(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow)
    {
        if (cache is not null)
        {
            cache.Append(k[0], v[0]);
            if (cache.Counts[0] > k.shape[2]) (k, v) = (cache.Keys().to(k.dtype, k.device).unsqueeze(0), cache.Values().to(v.dtype, v.device).unsqueeze(0));   // what came before, too
        }
        keep?.Invoke(k, v);
        var needs = sink?.Needs ?? ScorerNeeds.None;
        var (mixed, sums) = PromptAttention.Causal(q, k, v, scale, slidingWindow, needs.Sums);
        var rows = needs.AllQueries ? q.shape[2] : Math.Min(needs.Queries, q.shape[2]);
        sink?.Accept(new LayerView(layer, k[0], v[0], q[0].narrow(1, q.shape[2] - rows, rows), scale, slidingWindow, sums, Mixed: needs.Mixed ? mixed[0] : null)
        {
            Frequencies = frequencies, Output = output, Input = input is null ? null : () => input[0],
        });
        return mixed;
    }

    public bool WatchesStream => sink is { Needs.Stream: true };

    public void Attended(Tensor before, Tensor after) => sink!.Attended(layer, before[0], after[0]);
}

/// <summary>A prompt in a layer that stores nothing: its queries read what its root's read, and nobody looks.</summary>
/// <param name="keys">Keys of the root, <c>[1, kvHead, position, dim]</c>.</param>
/// <param name="values">Its values, same shape.</param>
internal sealed class SharedStore(Tensor keys, Tensor values) : ILayerStore
{
    public (Tensor Keys, Tensor Values)? Root => (keys, values);

    public Tensor Attend(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow) => PromptAttention.Causal(q, k, v, scale, slidingWindow).Mixed;
}

/// <summary>One token on a device: heads read their own entries, grouped by length.</summary>
/// <param name="layer">Index of the layer.</param>
/// <param name="cache">Holds the entries.</param>
internal sealed class DeviceStore(int layer, GroupedCache cache) : ILayerStore
{
    public Tensor Attend(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow)
    {
        cache.Append(layer, Spread(k), Spread(v));
        return cache.Attend(layer, q.view(q.shape[1], q.shape[3]), scale, slidingWindow).view(q.shape);
    }

    /// <summary><c>[owner, dim]</c>: at query-head granularity every query head has entries of its own.</summary>
    private Tensor Spread(Tensor heads)
    {
        var rows = heads.reshape(heads.shape[1], heads.shape[3]);
        return cache.KvHeads == rows.shape[0] ? rows : rows.repeat_interleave(cache.KvHeads / rows.shape[0], 0);
    }
}
