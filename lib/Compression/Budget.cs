namespace HeadKvLab.Compression;

/// <summary>How the entries a method asks for become the entries it gets; written into every result.</summary>
public enum BudgetRule
{
    /// <summary>The authors' arithmetic: round half to even, clip to the prompt, let what is clipped go unspent.</summary>
    AsPublished,

    /// <summary>Every method keeps exactly the nominal number of entries: unspent shares go to the next heads.</summary>
    EqualEntries,

    /// <summary>Every method spends the bytes of a grouped-query cache of the nominal size, whatever its granularity, its format and the index of its recall.</summary>
    EqualBytes,
}

/// <summary>Which heads own a set of entries.</summary>
public enum Granularity
{
    /// <summary>One set for each KV head: what a grouped-query cache stores.</summary>
    KvHead,

    /// <summary>One set for each query head, with K and V stored once per query head: the papers' accounting.</summary>
    QueryHead,
}

/// <summary>
/// What a compressed cache may keep. With <c>EqualEntries</c> and <c>EqualBytes</c> the total over the model is exact;
/// with <c>AsPublished</c> it is what the authors' arithmetic leaves.
/// </summary>
/// <param name="Entries">Nominal entries per head, b, window included; the papers' "KV size".</param>
/// <param name="ObservationWindow">Last prompt tokens that are always kept and whose queries vote, alpha.</param>
/// <param name="Rule">Who gets what others cannot use.</param>
/// <param name="Granularity">Which heads own entries.</param>
public sealed record Budget(
    int Entries,
    int ObservationWindow = Budget.PaperWindow,
    BudgetRule Rule = BudgetRule.EqualEntries,
    Granularity Granularity = Granularity.KvHead)
{
    /// <summary>The window of HeadKV's published runs.</summary>
    public const int PaperWindow = 8;

    /// <summary>Nominal entries per head, b, window included.</summary>
    public int Entries { get; } = Entries >= 1 ? Entries
        : throw new LabException($"KV size {Entries}: a head must keep at least its window; give --kv-size {Math.Max(ObservationWindow, 1)} or more");

    /// <summary>Last prompt tokens that are always kept, alpha.</summary>
    public int ObservationWindow { get; } = ObservationWindow < 1
        ? throw new LabException($"window {ObservationWindow}: the last prompt token is always kept; give --window 1 or more")
        : ObservationWindow > Entries
            ? throw new LabException($"window {ObservationWindow} is larger than KV size {Entries}: give a smaller --window or a larger --kv-size")
            : ObservationWindow;

    /// <summary>A budget of a share of the prompt, at least the window: <c>max(window, round(share * promptLength))</c>.</summary>
    /// <param name="share">Share of the prompt's entries, above 0 and at most 1.</param>
    /// <param name="promptLength">Tokens of the prompt.</param>
    /// <param name="window">Always kept tokens.</param>
    /// <param name="rule">See <see cref="BudgetRules"/>.</param>
    /// <param name="granularity">See <see cref="Granularity"/>.</param>
    public static Budget OfShare(
        double share, int promptLength, int window = PaperWindow,
        BudgetRule rule = BudgetRule.EqualEntries, Granularity granularity = Granularity.KvHead)
    {
        if (!(share > 0 && share <= 1))
            throw new LabException(FormattableString.Invariant($"budget share {share}: give a share above 0 and at most 1"));
        var entries = (int)Math.Round(share * promptLength, MidpointRounding.ToEven);
        return new Budget(Math.Max(window, entries), window, rule, granularity);
    }
}
