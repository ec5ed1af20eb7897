namespace HeadKvLab.Compression;

/// <summary>
/// A budget laid on one model and one prompt: the numbers every allocator works with.
/// "Head" is a KV head or a query head, whichever the budget's granularity says owns entries.
/// </summary>
/// <param name="Layers">Layers of the model, L.</param>
/// <param name="Heads">Heads of a layer that own entries.</param>
/// <param name="PromptLength">Tokens of the prompt, n.</param>
/// <param name="Recent">Always kept tokens, alpha.</param>
/// <param name="Selectable">Nominal entries per head beside the window, b' = b - alpha.</param>
/// <param name="Total">Nominal entries of the whole model, windows included.</param>
public readonly record struct BudgetFrame(int Layers, int Heads, int PromptLength, int Recent, int Selectable, long Total)
{
    /// <summary>Prompt positions outside the window, n - alpha: what a head can choose from.</summary>
    public int Candidates => PromptLength - Recent;

    /// <summary>The same budget where other last tokens are always kept.</summary>
    /// <param name="recent">How many.</param>
    internal BudgetFrame Protecting(int recent) => this with { Recent = recent, Selectable = Selectable + Recent - recent };

    /// <summary>Lays <paramref name="budget"/> on a model with <paramref name="kvHeads"/> KV heads and <paramref name="queryHeads"/> query heads.</summary>
    /// <exception cref="LabException">The window does not leave a candidate, or equal bytes at query-head granularity cannot hold the windows.</exception>
    public static BudgetFrame Of(Budget budget, int layers, int kvHeads, int queryHeads, int promptLength)
    {
        _ = HeadGroups.Of(queryHeads, kvHeads);
        if (promptLength <= budget.ObservationWindow)
            throw new LabException($"the prompt has {promptLength} tokens, the window {budget.ObservationWindow}: such a prompt is never compressed");
        var heads = budget.Granularity == Granularity.KvHead ? kvHeads : queryHeads;
        if (budget.Rule != BudgetRule.EqualBytes || heads == kvHeads)
            return new(layers, heads, promptLength, budget.ObservationWindow, budget.Entries - budget.ObservationWindow, (long)budget.Entries * layers * heads);

        // K and V are stored queryHeads/kvHeads times over, so that a head may keep as many times fewer entries.
        var affordable = budget.Entries * kvHeads / heads;
        if (affordable < budget.ObservationWindow)
            throw new LabException($"equal-bytes: KV size {budget.Entries} over {heads} query heads is {affordable} entries a head, "
                + $"the window {budget.ObservationWindow}: give --kv-size {budget.ObservationWindow * heads / kvHeads} or more");
        return new(layers, heads, promptLength, budget.ObservationWindow, affordable - budget.ObservationWindow, (long)budget.Entries * layers * kvHeads);
    }
}
