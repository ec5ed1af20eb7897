using HeadKvLab.Kernels;

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
    /// <summary>What is to be spent, where entries do not all take the same and the rule counts bytes; null: entries are counted.</summary>
    internal FrameBytes? Bytes { get; init; }

    /// <summary>Prompt positions outside the window, n - alpha: what a head can choose from.</summary>
    public int Candidates => PromptLength - Recent;

    /// <summary>The same budget where other last tokens are always kept.</summary>
    /// <param name="recent">How many.</param>
    internal BudgetFrame Protecting(int recent) => this with { Recent = recent, Selectable = Selectable + Recent - recent };

    /// <summary>Lays <paramref name="budget"/> on a model with <paramref name="kvHeads"/> KV heads and <paramref name="queryHeads"/> query heads.</summary>
    /// <exception cref="LabException">The window does not leave a candidate, or equal bytes at query-head granularity cannot hold the windows.</exception>
    /// <param name="budget">The budget.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="kvHeads">KV heads of a layer.</param>
    /// <param name="queryHeads">Query heads of a layer.</param>
    /// <param name="promptLength">Tokens of the prompt.</param>
    public static BudgetFrame Of(Budget budget, int layers, int kvHeads, int queryHeads, int promptLength) => Of(budget, layers, kvHeads, queryHeads, promptLength, null);

    /// <summary>The same, where entries may take other bytes than their rows: under equal bytes the budget is what the nominal entries take in rows, without an index.</summary>
    internal static BudgetFrame Of(Budget budget, int layers, int kvHeads, int queryHeads, int promptLength, EntryCost? cost)
    {
        _ = HeadGroups.Of(queryHeads, kvHeads);
        if (promptLength <= budget.ObservationWindow)
            throw new LabException($"the prompt has {promptLength} tokens, the window {budget.ObservationWindow}: such a prompt is never compressed");
        var heads = budget.Granularity == Granularity.KvHead ? kvHeads : queryHeads;
        if (budget.Rule == BudgetRule.EqualBytes && cost is not null) return InBytes(budget, layers, heads, promptLength, new(cost, (long)cost.Shape.EntryBytes * budget.Entries * layers * kvHeads));
        if (budget.Rule != BudgetRule.EqualBytes || heads == kvHeads)
            return new(layers, heads, promptLength, budget.ObservationWindow, budget.Entries - budget.ObservationWindow, (long)budget.Entries * layers * heads);

        // K and V are stored queryHeads/kvHeads times over, so that a head may keep as many times fewer entries.
        var affordable = budget.Entries * kvHeads / heads;
        if (affordable < budget.ObservationWindow)
            throw new LabException($"equal-bytes: KV size {budget.Entries} over {heads} query heads is {affordable} entries a head, "
                + $"the window {budget.ObservationWindow}: give --kv-size {budget.ObservationWindow * heads / kvHeads} or more");
        return new(layers, heads, promptLength, budget.ObservationWindow, affordable - budget.ObservationWindow, (long)budget.Entries * layers * kvHeads);
    }

    /// <summary>The nominal entries of a head are the most that the bytes pay for in every head.</summary>
    private static BudgetFrame InBytes(Budget budget, int layers, int heads, int promptLength, FrameBytes bytes)
    {
        bool Affords(int entries) => heads * Enumerable.Range(0, layers).Sum(layer => bytes.Cost.Of(layer, entries)) <= bytes.Total;
        var (least, most) = (0, promptLength);
        while (least < most)
        {
            var middle = least + (most - least + 1) / 2;
            if (Affords(middle)) least = middle;
            else most = middle - 1;
        }
        for (var more = Math.Min(promptLength, least + 2 * BlockFormat.Least); more > least; more--) // a new block of 8 costs less than 7 open entries
            if (Affords(more)) least = more;
        if (least < budget.ObservationWindow)
            throw new LabException($"equal-bytes: KV size {budget.Entries} over {heads} heads is {least} entries a head as {bytes.Cost.Name}, the window {budget.ObservationWindow}: give a larger --kv-size");
        return new(layers, heads, promptLength, budget.ObservationWindow, least - budget.ObservationWindow, (long)least * layers * heads) { Bytes = bytes };
    }
}

/// <summary>Bytes to spend on a model's entries.</summary>
/// <param name="Cost">What a head's entries take.</param>
/// <param name="Total">The bytes.</param>
internal sealed record FrameBytes(EntryCost Cost, long Total);
