namespace HeadKvLab.Compression;

/// <summary>
/// Asks an allocator and settles its answer under a discipline. Where the method stores a summary of what a head drops, that is an
/// entry too: it comes out of the same total, and heads that drop nothing leave theirs to the others.
/// </summary>
public static class Allotting
{
    /// <summary>Entries of every head, window excluded, <c>[layer, head]</c>, for an allocator of model scope.</summary>
    /// <param name="method">The method.</param>
    /// <param name="discipline">Budget discipline.</param>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    public static int[] Model(Method method, BudgetRule discipline, in BudgetFrame frame) =>
        Resolve(method, discipline, frame, "all layers", default, frame.Layers * frame.Heads, frame.Total);

    /// <summary>Entries of the heads of one layer, window excluded, for an allocator of layer scope.</summary>
    /// <param name="method">The method.</param>
    /// <param name="discipline">Budget discipline.</param>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="scores">Its scores, <c>[head, candidate]</c>.</param>
    public static int[] Layer(Method method, BudgetRule discipline, in BudgetFrame frame, int layer, HeadRows<float> scores)
    {
        var before = frame.Total * layer / frame.Layers;
        return Resolve(method, discipline, frame, $"layer {layer}", scores, frame.Heads, frame.Total * (layer + 1) / frame.Layers - before);
    }

    private static int[] Resolve(Method method, BudgetRule discipline, in BudgetFrame frame, string where, HeadRows<float> scores, int heads, long total)
    {
        var (entries, wanted, claims) = (new int[heads], new double[heads], new double[heads]);
        try { method.Allocator.Allocate(frame, scores, new Allotment(wanted, claims)); }
        catch (Exception e) when (MethodFault.IsOwn(e)) { throw MethodFault.Of(method, "allocator", $"{method.Allocator.GetType().Name}.Allocate, {where}, {heads} heads", e); }
        MethodFault.RefuseNoNumber(method, new Allotment(wanted, claims));
        var available = total - (long)frame.Window * heads;
        var summaries = method.Remainder is null ? 0 : heads;
        while (true)
        {
            var copy = (double[])wanted.Clone();
            BudgetRules.Resolve(discipline, new Allotment(copy, claims), frame.Candidates, available - summaries, entries);
            if (summaries == 0 || discipline == BudgetRule.AsPublished) return entries;
            var dropping = 0;
            foreach (var entry in entries)
                if (entry < frame.Candidates) dropping++;
            if (dropping >= summaries) return entries;
            summaries--; // a head was filled: its summary's place is free; one at a time, since filling others may free more
        }
    }
}
