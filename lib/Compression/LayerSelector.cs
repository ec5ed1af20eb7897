namespace HeadKvLab.Compression;

/// <summary>
/// Chooses the positions each head of each layer keeps of one prompt, from scores: the rule that <see cref="Compressor"/> stores by.
/// The window is always kept, kept positions ascend, of equal scores the later position is kept. A prompt that fits into the budget
/// is kept whole; the published code compresses a prompt of exactly b tokens, and <c>as-published</c> does so too.
/// </summary>
public sealed class LayerSelector
{
    private readonly Method _method;
    private readonly BudgetRule _discipline;
    private readonly BudgetFrame _frame;
    private readonly int[]? _entries; // [layer, head] where they are known beforehand

    /// <summary>Lays a budget on a model and a prompt.</summary>
    /// <param name="method">The method.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="kvHeads">KV heads of a layer.</param>
    /// <param name="queryHeads">Query heads of a layer.</param>
    /// <param name="promptLength">Tokens of the prompt.</param>
    public LayerSelector(Method method, Budget budget, int layers, int kvHeads, int queryHeads, int promptLength)
    {
        (_method, _discipline, PromptLength) = (method, budget.Discipline, promptLength);
        Heads = HeadsOf(method, budget, kvHeads, queryHeads);
        KeepsAll = method.KeepsAll || promptLength <= budget.Window;
        if (KeepsAll) return;
        _frame = BudgetFrame.Of(budget, layers, kvHeads, queryHeads, promptLength);
        var spare = _frame.Selectable - _frame.Candidates;
        KeepsAll = budget.Discipline == BudgetRule.AsPublished ? spare > 0 : spare >= 0;
        if (!KeepsAll && method.Allocator.Scope == AllocationScope.Model) _entries = Allotting.Model(method, budget.Discipline, _frame);
    }

    /// <summary>Heads of a layer that own entries.</summary>
    public int Heads { get; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptLength { get; }

    /// <summary>Whether nothing is dropped, so that no scores are needed.</summary>
    public bool KeepsAll { get; }

    /// <summary>Heads of a layer that own entries: the full cache is never expanded to query heads.</summary>
    internal static int HeadsOf(Method method, Budget budget, int kvHeads, int queryHeads) =>
        budget.Granularity == Granularity.QueryHead && !method.KeepsAll ? queryHeads : kvHeads;

    /// <summary>Positions kept by the heads of one layer, ascending, <c>[head][entry]</c>.</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="scores">Its scores, <c>[head, position]</c>; not looked at when <see cref="KeepsAll"/>.</param>
    public int[][] Select(int layer, HeadRows<float> scores)
    {
        var kept = new int[Heads][];
        if (KeepsAll)
        {
            var all = Enumerable.Range(0, PromptLength).ToArray();
            Array.Fill(kept, all);
            return kept;
        }
        ReadOnlySpan<int> entries = _entries is not null
            ? _entries.AsSpan(layer * Heads, Heads)
            : Allotting.Layer(_method, _discipline, _frame, layer, scores.Trim(_frame.Candidates));
        for (var h = 0; h < Heads; h++) kept[h] = Keep(scores[h], entries[h]);
        return kept;
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
