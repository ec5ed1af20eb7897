using System.Buffers;
using HeadKvLab.Cache;

namespace HeadKvLab.Eviction;

/// <summary>
/// Compresses a prompt's cache layer by layer during the prefill: score, allot, select, store; only one layer is ever whole.
/// The window is always kept, kept positions ascend, of equal scores the later position is kept.
/// A prompt that fits into the budget passes through uncompressed (<see cref="PassedThrough"/>). The published code compresses a
/// prompt of exactly b tokens; <c>as-published</c> does so too.
/// </summary>
public sealed class Compressor : IPromptSink, IDisposable
{
    private readonly CacheShape _model; // as the model computes it
    private readonly CacheShape _shape; // as it is stored
    private readonly int _queryHeads;
    private RaggedCache? _cache;
    private BudgetFrame _frame;
    private int[]? _entries; // [layer, head] once allotted
    private int _nextLayer;

    /// <summary>Prepares to receive one prefill.</summary>
    /// <param name="method">What to keep.</param>
    /// <param name="budget">How much.</param>
    /// <param name="shape">The model's layers, KV heads, dimension, and the storage wanted.</param>
    /// <param name="queryHeads">The model's query heads.</param>
    public Compressor(Method method, Budget budget, CacheShape shape, int queryHeads)
    {
        if (shape.KvHeads < 1 || queryHeads % shape.KvHeads != 0)
            throw new LabException($"{queryHeads} query heads cannot share {shape.KvHeads} KV heads");
        (Method, Budget, _queryHeads) = (method, budget, queryHeads);
        var heads = budget.Granularity == Granularity.QueryHead && !method.KeepsAll ? queryHeads : shape.KvHeads;
        _model = shape;
        _shape = shape with { KvHeads = heads };
        _cache = new RaggedCache(_shape);
    }

    /// <summary>What is kept.</summary>
    public Method Method { get; }

    /// <summary>How much is kept.</summary>
    public Budget Budget { get; }

    /// <summary>Whether the prompt fitted into the budget, or was no longer than the window, so that nothing was dropped.</summary>
    public bool PassedThrough { get; private set; }

    /// <summary>Heads of a layer that own entries.</summary>
    internal int Heads => _shape.KvHeads;

    /// <inheritdoc/>
    public int QueriesWanted => Method.KeepsAll ? 0 : Method.Scorer.QueriesWanted(Budget.Window);

    /// <inheritdoc/>
    public void Accept(in LayerPrompt layer)
    {
        if (!NeedsScores(layer))
        {
            Pass(layer);
            return;
        }
        var rented = ArrayPool<float>.Shared.Rent(Heads * layer.Length);
        try
        {
            var scores = new HeadRows<float>(rented, Heads, layer.Length);
            Method.Scorer.Score(layer, Budget.Window, scores);
            Accept(layer, scores);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>The compressed cache after the last layer; the caller owns it.</summary>
    /// <exception cref="InvalidOperationException">Layers are missing, or the cache was taken before.</exception>
    public RaggedCache TakeCache()
    {
        var cache = _cache ?? throw new InvalidOperationException("the cache was taken already: a compressor serves one prefill");
        if (_nextLayer != _shape.Layers)
            throw new InvalidOperationException($"{_nextLayer} of {_shape.Layers} layers have arrived: the cache is not complete");
        _cache = null;
        return cache;
    }

    /// <summary>Releases the cache unless it was taken.</summary>
    public void Dispose() => _cache?.Dispose();

    /// <summary>Whether this layer is to be compressed; decides it when the first layer tells the prompt's length.</summary>
    internal bool NeedsScores(in LayerPrompt layer)
    {
        if (_cache is null || layer.Layer != _nextLayer)
            throw new InvalidOperationException($"layer {layer.Layer} arrived where layer {_nextLayer} was expected: a compressor serves one prefill, in order");
        if (layer.Layer == 0) Begin(layer.Length);
        return !PassedThrough;
    }

    /// <summary>Stores the whole layer.</summary>
    internal void Pass(in LayerPrompt layer)
    {
        _cache![layer.Layer].Append(layer.Keys, layer.Values);
        Finish(layer);
    }

    /// <summary>Stores what the scores select.</summary>
    internal void Accept(in LayerPrompt layer, HeadRows<float> scores)
    {
        var entries = _entries is not null
            ? _entries.AsSpan(layer.Layer * Heads, Heads)
            : Allotting.Layer(Method, Budget.Discipline, _frame, layer.Layer, scores.Trim(_frame.Candidates));
        var kept = new int[Heads][];
        for (var h = 0; h < Heads; h++) kept[h] = Keep(scores[h], entries[h]);
        var summaries = Method.Remainder?.Summarise(layer, kept);
        _cache![layer.Layer].Store(layer.Keys, layer.Values, kept, summaries);
        Finish(layer);
    }

    private void Begin(int promptLength)
    {
        PassedThrough = Method.KeepsAll || promptLength <= Budget.Window;
        if (PassedThrough) return;
        _frame = BudgetFrame.Of(Budget, _shape.Layers, _model.KvHeads, _queryHeads, promptLength);
        var fits = _frame.Selectable - _frame.Candidates;
        PassedThrough = Budget.Discipline == BudgetDiscipline.AsPublished ? fits > 0 : fits >= 0;
        if (!PassedThrough && Method.Allocator.Scope == AllocationScope.Model)
            _entries = Allotting.Model(Method, Budget.Discipline, _frame);
    }

    private void Finish(in LayerPrompt layer)
    {
        if (++_nextLayer == _shape.Layers) _cache!.Advance(layer.Length);
    }

    private int[] Keep(ReadOnlySpan<float> scores, int entries)
    {
        var candidates = scores[.._frame.Candidates];
        var kept = new int[Math.Min(entries, candidates.Length) + _frame.Window];
        var chosen = Selection.Best(candidates, entries, kept);
        for (var w = 0; w < _frame.Window; w++) kept[chosen + w] = _frame.Candidates + w;
        return kept;
    }
}
