using HeadKvLab.Cache;
using TorchSharp;

namespace HeadKvLab.Compression.Schedules;

/// <summary>
/// Lets a method choose again among the entries that a cache holds: its scorer looks at them as it looked at the prompt, and the last entries are kept. How many a head keeps:
/// an allocator that needs no scores is asked again, for a text of the present length; one that allots by a layer's scores gave its numbers after the prompt; under a bidder
/// all heads of the model compete again. Which neighbours are pooled is a matter of the entries that are left, not of the text.
/// </summary>
internal sealed class Reselection : IPromptRetention
{
    private readonly Method _method;
    private readonly Budget _budget;
    private readonly Func<int, Func<int>, bool> _due;
    private readonly BudgetFrame _frame;  // of a text one token longer than the window
    private readonly DecodeRecord _record;
    private readonly int[][] _shares;     // [layer][head], entries of a head, window included
    private bool[] _whole;                // [layer], whether nothing was dropped of the prompt and heads were allotted nothing yet
    private int _chosen;                  // tokens of the text at the last choice

    private Reselection(Method method, Budget budget, Func<int, Func<int>, bool> due, BudgetFrame frame, DecodeRecord record, int[][] shares) =>
        (_method, _budget, _due, _frame, _record, _shares, _whole) = (method, budget, due, frame, record, shares, new bool[shares.Length]);

    /// <summary>Prepares for one prompt.</summary>
    /// <param name="method">The method.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="model">The model's layers, KV heads and dimension.</param>
    /// <param name="queryHeads">Its query heads.</param>
    /// <param name="name">The schedule's name, for messages.</param>
    /// <param name="due">Whether to choose, from the generated tokens and the entries that the fullest head holds beyond its share, or that each has got since the last choice under a bidder.</param>
    /// <param name="start">Where the sums of attention begin, in place of the prompt's, <c>[queryHead, position]</c>; null: there.</param>
    /// <exception cref="LabException">The method keeps everything, has one entry stand for those dropped of the prompt, or buys what holds a share of the whole text's attention.</exception>
    internal static Reselection Of(Method method, Budget budget, CacheShape model, int queryHeads, string name, Func<int, Func<int>, bool> due, Func<LayerView, float[]>? start = null)
    {
        if (method.KeepsAll) throw new LabException($"{method.Name} {name}: {method.Name} keeps everything, and has nothing to choose again");
        if (method.Settlement is { } settlement && (settlement.AddsEntry || method.Share is IBidder))
            throw new LabException($"{method.Name} {name}: its {settlement.GetType().Name} stands for what was dropped of the prompt, and takes in nothing later: leave the schedule out");
        if (budget.Rule == BudgetRule.AsPublished && method.Share is IBidder { PublishedPrice: not null })
            throw new LabException($"{method.Name} {name}: under {Names<BudgetRule>.Of(budget.Rule)} a head keeps what holds a share of the whole text's attention, much of which was dropped: use '{Catalogue.Published}', or another budget rule");
        var frame = PromptAllocation.FrameOf(method, budget, model.Layers, model.KvHeads, queryHeads, budget.ObservationWindow + 1);
        return new(method, budget, due, frame, new DecodeRecord(method.Needs(budget.ObservationWindow), PromptAllocation.ShapeOf(method, budget, model, queryHeads), queryHeads) { Start = start }, new int[model.Layers][]);
    }

    /// <inheritdoc/>
    public bool WantsWeights => _method.Needs(_budget.ObservationWindow).Sums.Count > 0;

    /// <inheritdoc/>
    public StepSum? Sum => _record.OnlySum;

    /// <inheritdoc/>
    public void Take(in LayerView prompt, LayerCache stored, bool whole)
    {
        _record.Take(prompt, stored);
        var shares = stored.Counts.ToArray();
        if (whole) Array.Fill(shares, _frame.Selectable + _frame.Recent);
        (_shares[prompt.Layer], _whole[prompt.Layer], _chosen) = (shares, whole, prompt.Length);
    }

    /// <inheritdoc/>
    public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache) => _record.After(layer, queries, weights, cache);

    /// <inheritdoc/>
    public void Finish(int id, RaggedCache cache)
    {
        _record.Finish(id, cache);
        var generated = cache.LogicalLength - _record.Prompt;
        if (generated <= 0 || cache.LogicalLength <= _budget.ObservationWindow || !_due(generated, () => Growth(cache))) return;
        _chosen = cache.LogicalLength;
        using var quiet = torch.no_grad();
        if (_method.Share is IBidder bidder)
        {
            Compete(bidder, cache);
            return;
        }
        Allot(cache.LogicalLength);
        for (var layer = 0; layer < _frame.Layers; layer++) CutBack(layer, cache);
    }

    /// <inheritdoc/>
    public void TakeBack(int tokens, int before) => _record.TakeBack(tokens, before);

    /// <inheritdoc/>
    public IRetention Clone() => new Reselection(_method, _budget, _due, _frame, _record.Clone(), [.. _shares]) { _chosen = _chosen, _whole = [.. _whole] };

    private BudgetFrame FrameOf(int tokens) => _frame with { PromptLength = tokens };

    /// <summary>Asks an allocator that needs no scores how much each head of a text of some tokens may keep.</summary>
    private void Allot(int tokens)
    {
        if (_method.Share is not IAllocator { Scope: AllocationScope.Model }) return;
        var entries = PromptAllocation.OfModel(_method, _budget.Rule, FrameOf(tokens));
        for (var layer = 0; layer < _frame.Layers; layer++) _shares[layer] = [.. entries.Skip(layer * _frame.Heads).Take(_frame.Heads).Select(kept => kept + _frame.Recent)];
    }

    private int Growth(RaggedCache cache)
    {
        if (_method.Share is IBidder) return cache.LogicalLength - _chosen;
        Allot(cache.LogicalLength);
        var most = 0;
        for (var layer = 0; layer < _frame.Layers; layer++)
            for (var head = 0; head < _frame.Heads; head++) most = Math.Max(most, cache[layer].Counts[head] - _shares[layer][head]);
        return most;
    }

    private void CutBack(int layer, RaggedCache cache)
    {
        using var scope = torch.NewDisposeScope();
        foreach (var view in _record.Views(layer, cache))
        {
            var heads = (int)view.Keys.shape[0];
            var shares = _shares[layer].AsSpan(view.FirstHead, heads);
            var over = false;
            for (var h = 0; h < heads; h++) over |= view.Length > shares[h];
            if (!over) continue;
            var scores = Scored(view);
            if (_whole[layer] && heads == _frame.Heads && _method.Share is IAllocator { Scope: AllocationScope.Layer }) // the first choice of this layer, from its own scores
                _shares[layer] = [.. PromptAllocation.OfLayer(_method, _budget.Rule, FrameOf(view.Length), layer, scores.Trim(view.Length - _frame.Recent)).Select(entries => entries + _frame.Recent)];
            int[] entries = [.. _shares[layer].Skip(view.FirstHead).Take(heads).Select(share => Math.Max(0, share - _frame.Recent))];
            var kept = new int[heads][];
            var ranked = _method.Rerank(view, _frame.Recent, scores, entries);
            for (var h = 0; h < heads; h++) kept[h] = Best(ranked[h], entries[h]);
            Retain(cache[layer], view, scores, kept);
            _whole[layer] = false;
        }
    }

    private void Compete(IBidder bidder, RaggedCache cache)
    {
        var waterline = Competition.WaterlineOf(bidder, _budget.Rule, _frame);
        var scored = new List<(int Layer, int FirstHead, int Heads, float[] Scores)>();
        for (var layer = 0; layer < _frame.Layers; layer++)
        {
            using var scope = torch.NewDisposeScope();
            var bids = new Bids(_frame.Heads);
            foreach (var view in _record.Views(layer, cache))
            {
                var heads = (int)view.Keys.shape[0];
                var scores = Scored(view);
                scored.Add((layer, view.FirstHead, heads, scores.All.ToArray()));
                if (view.Length <= _frame.Recent) continue;
                var own = new Bids(heads);
                Competition.Bid(_method, bidder, FrameOf(view.Length) with { Heads = heads }, view, scores, own);
                for (var h = 0; h < heads; h++) bids.Add(view.FirstHead + h, own, h);
            }
            waterline.Admit(bids);
        }
        foreach (var (layer, first, heads, numbers) in scored)
        {
            var scores = new HeadRows<float>(numbers, heads, numbers.Length / heads);
            for (var h = 0; h < heads; h++) cache[layer].Retain(first + h, Best(scores[h], waterline.Entries[layer][first + h]));
        }
    }

    private HeadRows<float> Scored(in LayerView view)
    {
        var heads = (int)view.Keys.shape[0];
        var scores = new HeadRows<float>(new float[heads * view.Length], heads, view.Length);
        _method.Score(view, _budget.ObservationWindow, scores);
        return scores;
    }

    /// <summary>Entries of the highest scores, and the last ones.</summary>
    private int[] Best(ReadOnlySpan<float> scores, int entries)
    {
        var candidates = Math.Max(0, scores.Length - _frame.Recent);
        var chosen = new int[Math.Clamp(entries, 0, candidates)];
        Selection.Best(scores[..candidates], chosen.Length, chosen);
        return [.. chosen, .. Enumerable.Range(candidates, scores.Length - candidates)];
    }

    private void Retain(LayerCache layer, in LayerView view, HeadRows<float> scores, int[][] kept)
    {
        var rows = _method.Settle(view, scores, _budget.ObservationWindow, kept);
        for (var h = 0; h < kept.Length; h++) layer.Retain(view.FirstHead + h, kept[h], rows, h);
    }
}
