using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>
/// Chooses the positions each head of each layer keeps of one prompt, from scores: the rule that <see cref="Compressor"/> stores by. It asks an allocator how
/// much each head may keep and has <see cref="BudgetRules"/> make whole entries of the answer, for all layers at once or for each as it arrives; or it has a
/// bidder's steps bought by a <see cref="Waterline"/> over the model, which may cut back heads of earlier layers.
/// The window is always kept, but for what a published form does not protect of it, kept positions ascend, of equal scores the later position is kept. A prompt that fits into the budget
/// is kept whole; the published code compresses a prompt of exactly b tokens, and <c>as-published</c> does so too, and whatever b is for methods that know none.
/// </summary>
public sealed class PromptAllocation
{
    private readonly Method _method;
    private readonly BudgetRule _rule;
    private readonly BudgetFrame _frame;
    private readonly int[]? _entries; // [layer, head] where they are known beforehand
    private readonly Competition? _competition;

    /// <summary>Lays a budget on a model and a prompt.</summary>
    /// <param name="method">The method.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="kvHeads">KV heads of a layer.</param>
    /// <param name="queryHeads">Query heads of a layer.</param>
    /// <param name="promptLength">Tokens of the prompt.</param>
    public PromptAllocation(Method method, Budget budget, int layers, int kvHeads, int queryHeads, int promptLength) : this(method, budget, layers, kvHeads, queryHeads, promptLength, null)
    {
    }

    /// <summary>The same, where entries may take other bytes than their rows.</summary>
    internal PromptAllocation(Method method, Budget budget, int layers, int kvHeads, int queryHeads, int promptLength, EntryCost? cost)
    {
        (_method, _rule, PromptLength) = (method, budget.Rule, promptLength);
        Heads = HeadsOf(method, budget, kvHeads, queryHeads);
        KeepsAll = method.KeepsAll || promptLength <= budget.ObservationWindow;
        if (KeepsAll) return;
        _frame = FrameOf(method, budget, layers, kvHeads, queryHeads, promptLength, cost);
        var spare = _frame.Selectable - _frame.Candidates;
        KeepsAll = _rule == BudgetRule.AsPublished ? method.Share.FollowsBudget && spare > 0 : spare >= 0;
        if (KeepsAll) return;
        if (method.Share is IBidder bidder) _competition = new(method, bidder, _rule, _frame);
        if (method.Share is not IAllocator { Scope: AllocationScope.Model }) return;
        _entries = OfModel(method, _rule, _frame);
        KeepsAll = !method.Share.FollowsBudget && Array.TrueForAll(_entries, kept => kept == _frame.Candidates);
    }

    /// <summary>Heads of a layer that own entries.</summary>
    public int Heads { get; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptLength { get; }

    /// <summary>Whether nothing is dropped, so that no scores are needed.</summary>
    public bool KeepsAll { get; }

    /// <summary>Refuses a rule that cannot be kept.</summary>
    internal static void Check(CachePolicy policy, BudgetRule rule)
    {
        if (rule != BudgetRule.EqualBytes || policy.Method.KeepsAll) return;
        var index = EntryCost.HasIndex(policy.Recall);
        if (policy.Method.Share is IBidder && (index || policy.Format is { Seals: true }))
            throw new LabException($"{policy.Method.Name}: the heads of the model compete for entries, and equal-bytes with {(index ? policy.Recall!.Name : policy.Format!.Name)} would have them compete for bytes, which {(index ? "an index" : "blocks")} give{(index ? "s" : "")} in jumps: use equal-entries");
        if (policy.Schedule is not null && index)
            throw new LabException($"{policy.Name}: under equal-bytes the index of {policy.Recall!.Name} is paid for in entries of the prompt, and a schedule counts the entries alone: use equal-entries, or leave the schedule out");
    }

    /// <summary>Heads of a layer that own entries: the full cache is never expanded to query heads.</summary>
    internal static int HeadsOf(Method method, Budget budget, int kvHeads, int queryHeads) =>
        budget.Granularity == Granularity.QueryHead && !method.KeepsAll ? queryHeads : kvHeads;

    /// <summary>The cache that a method makes of a model's.</summary>
    internal static CacheShape ShapeOf(Method method, Budget budget, CacheShape model, int queryHeads) => model with { KvHeads = HeadsOf(method, budget, model.KvHeads, queryHeads) };

    /// <summary>A budget laid on a model and a text: the window that it protects is the published form's under <c>as-published</c>.</summary>
    internal static BudgetFrame FrameOf(Method method, Budget budget, int layers, int kvHeads, int queryHeads, int tokens, EntryCost? cost = null)
    {
        var frame = BudgetFrame.Of(budget, layers, kvHeads, queryHeads, tokens, cost);
        return budget.Rule == BudgetRule.AsPublished && method.Share is IBidder bidder ? frame.Protecting(bidder.PublishedWindow(frame.Recent)) : frame;
    }

    /// <summary>Heads of earlier layers that keep less since the last layer was selected; none without a bidder.</summary>
    public IReadOnlyList<CutBack> CutBacks { get; private set; } = [];

    /// <summary>Positions kept by the heads of one layer, ascending, <c>[head][entry]</c>. Layers are selected once each, in order.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="scores">Its scores, <c>[head, position]</c>; not looked at when <see cref="KeepsAll"/>.</param>
    public int[][] Select(in LayerView layer, HeadRows<float> scores)
    {
        var kept = new int[Heads][];
        if (KeepsAll)
        {
            Array.Fill(kept, [.. Enumerable.Range(0, PromptLength)]);
            return kept;
        }
        var entries = _entries?.AsSpan(layer.Layer * Heads, Heads).ToArray() ?? Granted(layer, scores);
        var ranked = _competition is null ? _method.Rerank(layer, _frame.Recent, scores, entries) : scores;
        for (var h = 0; h < Heads; h++) kept[h] = _competition is null ? Keep(ranked[h], entries[h]) : Kept(new CutBack(layer.Layer, h, entries[h]));
        return kept;
    }

    /// <summary>Positions that a head which was cut back still keeps, ascending.</summary>
    /// <param name="cut">One of <see cref="CutBacks"/>.</param>
    public int[] Kept(CutBack cut) => [.. _competition!.Kept(cut), .. Enumerable.Range(_frame.Candidates, _frame.Recent)];

    private int[] Granted(in LayerView layer, HeadRows<float> scores)
    {
        if (_competition is null) return OfLayer(_method, _rule, _frame, layer.Layer, scores.Trim(_frame.Candidates));
        (var entries, CutBacks) = _competition.Admit(layer, scores);
        return [.. entries];
    }

    private int[] Keep(ReadOnlySpan<float> scores, int entries)
    {
        var candidates = scores[.._frame.Candidates];
        var kept = new int[Math.Min(entries, candidates.Length) + _frame.Recent];
        var chosen = Selection.Best(candidates, entries, kept);
        for (var w = 0; w < _frame.Recent; w++) kept[chosen + w] = _frame.Candidates + w;
        return kept;
    }

    /// <summary>Entries of every head, window excluded, <c>[layer, head]</c>, for an allocator of model scope.</summary>
    /// <param name="method">The method.</param>
    /// <param name="rule">How requests become entries.</param>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    public static int[] OfModel(Method method, BudgetRule rule, in BudgetFrame frame) =>
        Allocate(method, rule, frame, 0, "all layers", default, frame.Layers * frame.Heads, frame.Bytes?.Total ?? frame.Total);

    /// <summary>Entries of the heads of one layer, window excluded, for an allocator of layer scope.</summary>
    /// <param name="method">The method.</param>
    /// <param name="rule">How requests become entries.</param>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="scores">Its scores, <c>[head, candidate]</c>.</param>
    public static int[] OfLayer(Method method, BudgetRule rule, in BudgetFrame frame, int layer, HeadRows<float> scores)
    {
        var total = frame.Bytes?.Total ?? frame.Total;
        return Allocate(method, rule, frame, layer, $"layer {layer}", scores, frame.Heads, total * (layer + 1) / frame.Layers - total * layer / frame.Layers);
    }

    private static int[] Allocate(Method method, BudgetRule rule, in BudgetFrame frame, int firstLayer, string where, HeadRows<float> scores, int heads, long total)
    {
        var allotment = new Allotment(new double[heads], new double[heads]);
        var allocator = method.Share as IAllocator ?? throw new LabException($"method {method.Name}: {method.Share.GetType().Name} bids, which takes the whole model's scores: its entries are known after a prompt only");
        try { allocator.Allocate(frame, scores, allotment); }
        catch (Exception e) when (MethodFault.IsOwn(e)) { throw MethodFault.Of(method, "allocator", $"{allocator.GetType().Name}.Allocate, {where}, {heads} heads", e); }
        MethodFault.RefuseNoNumber(method, allotment);

        // What stands for the dropped entries is an entry too: it comes out of the same total, and a head that drops nothing has none.
        var (candidates, recent, adds, perLayer) = (frame.Candidates, frame.Recent, method.Settlement is { AddsEntry: true }, frame.Heads);
        int Stored(int kept) => kept + recent + (adds && kept < candidates ? 1 : 0);
        var entries = new int[heads];
        if (frame.Bytes is { } bytes) BudgetRules.Resolve(rule, allotment, candidates, total, entries, (head, kept) => bytes.Cost.Of(firstLayer + head / perLayer, Stored(kept)));
        else if (adds) BudgetRules.Resolve(rule, allotment, candidates, total - (long)recent * heads, entries, (_, kept) => Stored(kept) - recent);
        else BudgetRules.Resolve(rule, allotment, candidates, total - (long)recent * heads, entries);
        return entries;
    }
}
