using HeadKvLab.Cache;
using TorchSharp;

namespace HeadKvLab.Compression.Schedules;

/// <summary>
/// Lets a method choose again among the entries that a cache holds: its scorer looks at them as it looked at the prompt, the last entries are kept, and each head goes
/// back to the number it had after the prompt; under a bidder all heads of the model compete again for the budget. A prompt that fitted into the budget grows up to it first.
/// Which neighbours are pooled is a matter of the entries that are left, not of the text.
/// </summary>
internal sealed class Reselection : IPromptRetention
{
    private readonly Method _method;
    private readonly Budget _budget;
    private readonly Func<int, int, bool> _due;
    private readonly BudgetFrame _frame;  // of a text one token longer than the window
    private readonly DecodeRecord _record;
    private readonly int[][] _shares;     // [layer][head], entries of a head, window included
    private int _chosen;                  // tokens of the text at the last choice

    private Reselection(Method method, Budget budget, Func<int, int, bool> due, BudgetFrame frame, DecodeRecord record, int[][] shares) =>
        (_method, _budget, _due, _frame, _record, _shares) = (method, budget, due, frame, record, shares);

    /// <summary>Prepares for one prompt.</summary>
    /// <param name="method">The method.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="model">The model's layers, KV heads and dimension.</param>
    /// <param name="queryHeads">Its query heads.</param>
    /// <param name="name">The schedule's name, for messages.</param>
    /// <param name="due">Whether to choose, from the generated tokens and the entries that a head holds beyond its share.</param>
    /// <param name="start">Where the sums of attention begin, in place of the prompt's, <c>[queryHead, position]</c>; null: there.</param>
    /// <exception cref="LabException">The method keeps everything, or has one entry stand for those dropped of the prompt.</exception>
    internal static Reselection Of(Method method, Budget budget, CacheShape model, int queryHeads, string name, Func<int, int, bool> due, Func<LayerView, float[]>? start = null)
    {
        if (method.KeepsAll) throw new LabException($"{method.Name} {name}: {method.Name} keeps everything, and has nothing to choose again");
        if (method.Settlement is { AddsEntry: true })
            throw new LabException($"{method.Name} {name}: its {method.Settlement.GetType().Name} stands for what was dropped of the prompt, and takes in nothing later: leave the schedule out");
        var frame = BudgetFrame.Of(budget, model.Layers, model.KvHeads, queryHeads, budget.Window + 1);
        return new(method, budget, due, frame, new DecodeRecord(method.Needs(budget.Window), PromptAllocation.ShapeOf(method, budget, model, queryHeads), queryHeads) { Start = start }, new int[model.Layers][]);
    }

    /// <inheritdoc/>
    public bool WantsWeights => _method.Needs(_budget.Window).Sums.Count > 0;

    /// <inheritdoc/>
    public void Take(in LayerView prompt, LayerCache stored, bool whole)
    {
        _record.Take(prompt, stored);
        var shares = stored.Counts.ToArray();
        if (whole) Array.Fill(shares, _frame.Selectable + _frame.Window);
        (_shares[prompt.Layer], _chosen) = (shares, prompt.Length);
    }

    /// <inheritdoc/>
    public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache) => _record.After(layer, queries, weights, cache);

    /// <inheritdoc/>
    public void Finish(int id, RaggedCache cache)
    {
        _record.Finish(id, cache);
        var generated = cache.LogicalLength - _record.Prompt;
        if (generated <= 0 || cache.LogicalLength <= _budget.Window) return;
        var growth = _method.Share is IBidder ? cache.LogicalLength - _chosen : Growth(cache);
        if (growth <= 0 || !_due(generated, growth)) return;
        _chosen = cache.LogicalLength;
        using var quiet = torch.no_grad();
        if (_method.Share is IBidder bidder) Compete(bidder, cache);
        else
            for (var layer = 0; layer < _frame.Layers; layer++) CutBack(layer, cache);
    }

    /// <inheritdoc/>
    public IRetention Clone() => new Reselection(_method, _budget, _due, _frame, _record.Clone(), _shares) { _chosen = _chosen };

    /// <summary>Entries that the fullest head holds beyond its share.</summary>
    private int Growth(RaggedCache cache)
    {
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
            if (Enumerable.Range(view.FirstHead, heads).All(h => cache[layer].Counts[h] <= _shares[layer][h])) continue;
            var scores = Scored(view);
            var kept = new int[heads][];
            for (var h = 0; h < heads; h++) kept[h] = Best(scores[h], _shares[layer][view.FirstHead + h] - _budget.Window);
            Retain(cache[layer], view, scores, kept);
        }
    }

    private void Compete(IBidder bidder, RaggedCache cache)
    {
        using var scope = torch.NewDisposeScope();
        var waterline = Competition.WaterlineOf(bidder, _budget.Rule, _frame);
        var views = new List<(LayerView View, float[] Scores)>();
        for (var layer = 0; layer < _frame.Layers; layer++)
        {
            var bids = new Bids(_frame.Heads);
            foreach (var view in _record.Views(layer, cache))
            {
                var heads = (int)view.Keys.shape[0];
                var scores = Scored(view);
                views.Add((view, scores.All.ToArray()));
                if (view.Length <= _budget.Window) continue;
                var own = new Bids(heads);
                Competition.Bid(_method, bidder, _frame with { Heads = heads, PromptLength = view.Length }, view, scores, own);
                for (var h = 0; h < heads; h++) bids.Add(view.FirstHead + h, own, h);
            }
            waterline.Admit(bids);
        }
        foreach (var (view, numbers) in views)
        {
            var heads = (int)view.Keys.shape[0];
            var scores = new HeadRows<float>(numbers, heads, view.Length);
            var kept = new int[heads][];
            for (var h = 0; h < heads; h++) kept[h] = Best(scores[h], waterline.Entries[view.Layer][view.FirstHead + h]);
            Retain(cache[view.Layer], view, scores, kept);
        }
    }

    private HeadRows<float> Scored(in LayerView view)
    {
        var heads = (int)view.Keys.shape[0];
        var scores = new HeadRows<float>(new float[heads * view.Length], heads, view.Length);
        _method.Score(view, _budget.Window, scores);
        return scores;
    }

    /// <summary>Entries of the highest scores, and the last ones.</summary>
    private int[] Best(ReadOnlySpan<float> scores, int entries)
    {
        var candidates = Math.Max(0, scores.Length - _budget.Window);
        var chosen = new int[Math.Clamp(entries, 0, candidates)];
        Selection.Best(scores[..candidates], chosen.Length, chosen);
        return [.. chosen, .. Enumerable.Range(candidates, scores.Length - candidates)];
    }

    private void Retain(LayerCache layer, in LayerView view, HeadRows<float> scores, int[][] kept)
    {
        var rows = _method.Settle(view, scores, _budget.Window, kept);
        for (var h = 0; h < kept.Length; h++) layer.Retain(view.FirstHead + h, kept[h], rows, h);
    }
}
