using System.Buffers;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression;

/// <summary>
/// Compresses a prompt's cache layer by layer during the prefill: score, allot, select, store; only one layer is ever whole.
/// What is kept is <see cref="PromptAllocation"/>'s to say. A prompt that fits into the budget passes through uncompressed.
/// </summary>
public sealed class Compressor : IPromptCompressor
{
    private readonly CacheShape _model; // as the model computes it
    private readonly int[] _layers;     // those that store, ascending
    private readonly CacheShape _shape; // as it is stored
    private readonly int _queryHeads;
    private RaggedCache? _cache;
    private PromptAllocation? _selector;
    private readonly IPromptRetention? _retention;
    private readonly double[]?[] _squares; // [storing layer][head * dim], of queries, where a format asks for them
    private readonly bool _replays;
    private int _nextLayer;

    /// <summary>Prepares to receive one prefill.</summary>
    /// <param name="policy">What to keep, and what happens to it later; a method alone is one.</param>
    /// <param name="budget">How much.</param>
    /// <param name="shape">The model's layers, KV heads, dimension, and the storage wanted.</param>
    /// <param name="queryHeads">The model's query heads.</param>
    /// <exception cref="LabException">The schedule does not go with the method or the budget, or a part of the policy with another.</exception>
    public Compressor(CachePolicy policy, Budget budget, CacheShape shape, int queryHeads)
    {
        _ = HeadGroups.Of(queryHeads, shape.KvHeads);
        (Policy, Budget, _queryHeads, _model) = (policy, budget, queryHeads, shape);
        _shape = PromptAllocation.ShapeOf(policy.Method, budget, shape, queryHeads);
        if (policy.Checked().Format is { Rank: > 0 } latent && (latent.Latents is not { } basis || basis.Layers != shape.Layers || basis.KvHeads != shape.KvHeads || basis.HeadDim != shape.HeadDim))
            throw new LabException($"{policy.Name}: {(latent.Latents is null ? "projections are missing" : "projections are of another model")}: measure this model's with `lab heads latent`");
        if (policy.Format is not null) _shape = _shape with { Storage = ScalarType.BFloat16 };
        PromptAllocation.Check(policy, budget.Rule);
        _replays = Needs.Replays.Count > 0;
        if (_replays && !Needs.Equals(new ScorerNeeds { Replays = Needs.Replays }))
            throw new LabException($"{policy.Name}: layers are scored when the prompt was read a second time, and by then queries, sums, kinds and the stream of the first reading are gone: leave out what asks for them");
        _retention = policy.Schedule?.Begin(policy.Method, budget, shape, queryHeads);
        _cache = new RaggedCache(_shape, policy.Layers) { Recall = policy.Recall }; // which may learn keys before they are sealed
        _layers = policy.Layers?.Stored(shape.Layers) ?? [.. Enumerable.Range(0, shape.Layers)];
        _squares = new double[]?[_layers.Length];
    }

    /// <summary>What is kept, and what happens to it later.</summary>
    public CachePolicy Policy { get; }

    /// <summary>What is kept.</summary>
    public Method Method => Policy.Method;

    /// <summary>How much is kept.</summary>
    public Budget Budget { get; }

    /// <summary>Bytes of the memory that holds what has arrived.</summary>
    internal long ReservedBytes => _cache?.ReservedBytes ?? 0;

    /// <summary>Whether the prompt fitted into the budget, or was no longer than the window, so that nothing was dropped.</summary>
    public bool PassedThrough => _selector is { KeepsAll: true };

    /// <summary>Heads of a layer that own entries.</summary>
    internal int Heads => _shape.KvHeads;

    /// <inheritdoc/>
    public ScorerNeeds Needs => Policy.Needs(Budget.ObservationWindow);

    /// <inheritdoc/>
    public LayerMap? Layers => Policy.Layers;

    /// <inheritdoc/>
    public void Accept(in LayerView layer)
    {
        if (Waits(layer)) return;
        if (!NeedsScores(layer))
        {
            Pass(layer);
            return;
        }
        var rented = ArrayPool<float>.Shared.Rent(Heads * layer.Length);
        try
        {
            var scores = new HeadRows<float>(rented, Heads, layer.Length);
            Method.Score(layer, Budget.ObservationWindow, scores);
            Accept(layer, scores);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <inheritdoc/>
    public void AcceptReplayed(in LayerView layer)
    {
        if (!IsComplete) Accept(layer);
    }

    /// <inheritdoc/>
    public RaggedCache TakeCache()
    {
        var cache = _cache ?? throw new InvalidOperationException("the cache was taken already: a compressor serves one prefill");
        if (_nextLayer != _layers.Length)
            throw new InvalidOperationException($"{_nextLayer} of {_layers.Length} layers have arrived: the cache is not complete");
        _cache = null;
        try
        {
            if (Policy.Format is { } format && Method.Share is IBidder) cache.Seal(format, _squares!); // which may have cut back any layer until now
            cache.Retention = _retention;
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    /// <summary>Releases the cache unless it was taken.</summary>
    public void Dispose() => _cache?.Dispose();

    /// <summary>Whether this layer is to be compressed; decides it when the first layer tells the prompt's length.</summary>
    internal bool NeedsScores(in LayerView layer)
    {
        if (_cache is null || _nextLayer == _layers.Length || layer.Layer != _layers[_nextLayer])
            throw new InvalidOperationException($"layer {layer.Layer} arrived where {(_nextLayer < _layers.Length ? $"layer {_layers[_nextLayer]}" : "no layer")} was expected: a compressor serves one prefill, in order");
        return !SelectorFor(layer).KeepsAll;
    }

    /// <summary>Whether all layers have arrived: those of a prompt that fits into the budget do in the first reading.</summary>
    internal bool IsComplete => _nextLayer == _layers.Length;

    /// <summary>Whether a layer comes again before it can be compressed: when the prompt was read a second time.</summary>
    internal bool Waits(in LayerView layer) => _replays && layer.Replayed is null && !SelectorFor(layer).KeepsAll;

    private PromptAllocation SelectorFor(in LayerView layer) => _selector ??= new PromptAllocation(Method, Budget, _layers.Length, _model.KvHeads, _queryHeads, layer.Length, EntryCost.Of(Policy, _shape));

    /// <summary>Stores the whole layer.</summary>
    internal void Pass(in LayerView layer)
    {
        _cache![layer.Layer].Append(layer.Keys, layer.Values);
        _retention?.Take(layer, _cache[layer.Layer], whole: true);
        Finish(layer);
    }

    /// <summary>Stores what the scores select.</summary>
    internal void Accept(in LayerView layer, HeadRows<float> scores)
    {
        var kept = _selector!.Select(layer with { Layer = _nextLayer }, scores); // a budget counts the layers that store
        foreach (var layerCuts in _selector.CutBacks.GroupBy(cut => cut.Layer)) CutBack(_cache![_layers[layerCuts.Key]], layerCuts);
        if (Method.Settle(layer, scores, Budget.ObservationWindow, kept) is { } settled) _cache![layer.Layer].Store(layer.Keys, layer.Values, settled);
        else _cache![layer.Layer].Store(layer.Keys, layer.Values, kept);
        _retention?.Take(layer, _cache[layer.Layer], whole: false);
        Finish(layer);
    }

    /// <summary>Takes entries back from an earlier layer. Their memory is given back once a quarter of it is unused, so that the peak stays near the budget.</summary>
    private void CutBack(LayerCache layer, IEnumerable<CutBack> cuts)
    {
        foreach (var cut in cuts)
        {
            var stored = layer.Positions(cut.Head);
            var next = 0;
            var entries = _selector!.Kept(cut);
            for (var i = 0; i < stored.Length && next < entries.Length; i++)
                if (stored[i] == entries[next]) entries[next++] = i;
            layer.Retain(cut.Head, entries);
        }
        if (layer.ReservedBytes > layer.Entries * _shape.EntryBytes * 4 / 3) layer.Trim();
    }

    private void Finish(in LayerView layer)
    {
        if (Policy.Format is { } format)
        {
            if (format.Ratio > 0) _squares[_nextLayer] = KeyChannels.Squares(layer.Queries, Heads);
            if (Method.Share is not IBidder) _cache!.Seal(format, layer.Layer, _squares[_nextLayer], layer.Frequencies);
        }
        if (++_nextLayer < _layers.Length) return;
        if (Method.Share is IBidder)
            foreach (var l in _layers) _cache![l].Trim();
        _cache!.Advance(layer.Length);
    }
}
