namespace HeadKvLab.Compression;

/// <summary>
/// Turns the entries that heads request into entries they get.
/// <c>as-published</c> rounds half to even and clips to the candidates, as the reference code does; what is clipped is lost.
/// The others fill like water: clip, hand the surplus to the heads that still have room in proportion to their weights,
/// repeat, then round by largest remainder, so that the sum is the nominal total or everything there is.
/// Where entries do not all cost the same, the water stands as high as the total pays for.
/// </summary>
public static class BudgetRules
{
    /// <summary>Resolves the whole model or one layer.</summary>
    /// <param name="rule">Which rule.</param>
    /// <param name="allotment">Entries requested and weights; <see cref="Allotment.Requested"/> is overwritten.</param>
    /// <param name="candidates">Positions a head can choose from.</param>
    /// <param name="total">What there is to spend, windows paid; in entries, or in the unit of <paramref name="cost"/>. Not looked at by <c>as-published</c>.</param>
    /// <param name="entries">Entries granted, window excluded.</param>
    /// <param name="cost">What a head costs that gets so many entries: (head, entries) to cost; null: an entry costs 1. Where more entries cost less, as a new block does, some of the total may stay unspent.</param>
    public static void Resolve(BudgetRule rule, Allotment allotment, int candidates, long total, Span<int> entries, Func<int, int, long>? cost = null)
    {
        total = Math.Max(0, total);
        if (rule == BudgetRule.AsPublished) Round(allotment.Requested, candidates, entries);
        else if (cost is null) Fill(allotment, candidates, total, entries);
        else FillByCost(allotment, candidates, total, entries, cost);
    }

    /// <summary>The most entries that the total pays for, by bisection: more water costs no less.</summary>
    private static void FillByCost(Allotment allotment, int candidates, long total, Span<int> entries, Func<int, int, long> cost)
    {
        double[] requested = [.. allotment.Requested], weights = [.. allotment.Weights];
        var (least, most) = (0L, (long)candidates * entries.Length);
        while (least < most)
        {
            var middle = least + (most - least + 1) / 2;
            Fill(new Allotment([.. requested], weights), candidates, middle, entries);
            long spent = 0;
            for (var head = 0; head < entries.Length; head++) spent += cost(head, entries[head]);
            if (spent <= total) least = middle;
            else most = middle - 1;
        }
        Fill(new Allotment(requested, weights), candidates, least, entries);
    }

    private static void Round(ReadOnlySpan<double> requested, int candidates, Span<int> entries)
    {
        for (var h = 0; h < entries.Length; h++)
            entries[h] = (int)Math.Clamp(Math.Round(requested[h], MidpointRounding.ToEven), 0, candidates);
    }

    private static void Fill(Allotment allotment, int candidates, long total, Span<int> entries)
    {
        if (total >= (long)candidates * entries.Length)
        {
            entries.Fill(candidates);
            return;
        }
        var level = allotment.Requested;
        for (var h = 0; h < level.Length; h++) level[h] = Math.Clamp(level[h], 0, candidates);
        var surplus = total - Sum(level);
        if (surplus < 0) Scale(level, total / Sum(level));
        else Pour(level, allotment.Weights, candidates, surplus);
        RoundByLargestRemainder(level, candidates, total, entries);
    }

    /// <summary>Hands out <paramref name="surplus"/>; each round either spends it or fills at least one head, and only heads with room are looked at again.</summary>
    private static void Pour(Span<double> level, ReadOnlySpan<double> weights, int candidates, double surplus)
    {
        Span<int> open = new int[level.Length];
        var count = 0;
        for (var h = 0; h < level.Length; h++)
            if (level[h] < candidates) open[count++] = h;
        while (surplus > 1e-6 && count > 0)
        {
            double weight = 0;
            foreach (var h in open[..count]) weight += weights[h];
            var (perWeight, perHead) = weight > 0 ? (surplus / weight, 0.0) : (0.0, surplus / count);
            var (spilled, still) = (0.0, 0);
            foreach (var h in open[..count])
            {
                level[h] += weights[h] * perWeight + perHead;
                if (level[h] < candidates)
                {
                    open[still++] = h;
                    continue;
                }
                spilled += level[h] - candidates;
                level[h] = candidates;
            }
            (surplus, count) = (spilled, still);
        }
    }

    private static void RoundByLargestRemainder(ReadOnlySpan<double> level, int candidates, long total, Span<int> entries)
    {
        var remainders = new float[level.Length];
        var missing = total;
        for (var h = 0; h < level.Length; h++)
        {
            var whole = Math.Min(candidates, Math.Floor(level[h] + 1e-9)); // 5 written as 4.999... is 5
            entries[h] = (int)whole;
            remainders[h] = entries[h] == candidates ? float.NaN : (float)(level[h] - whole);
            missing -= entries[h];
        }
        while (missing > 0) missing -= AddOne(remainders, candidates, (int)Math.Min(missing, level.Length), entries);
        for (var h = entries.Length - 1; missing < 0; h = h == 0 ? entries.Length - 1 : h - 1)
        {
            if (entries[h] == 0) continue;
            entries[h]--;
            missing++;
        }
    }

    /// <summary>One entry more for the heads with the largest remainders that have room (full heads carry NaN, the lowest).</summary>
    private static int AddOne(Span<float> remainders, int candidates, int heads, Span<int> entries)
    {
        var chosen = new int[heads];
        var added = 0;
        foreach (var h in chosen.AsSpan(0, Selection.Best(remainders, heads, chosen)))
        {
            if (entries[h] == candidates) continue;
            if (++entries[h] == candidates) remainders[h] = float.NaN;
            added++;
        }
        return added;
    }

    private static double Sum(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (var value in values) sum += value;
        return sum;
    }

    private static void Scale(Span<double> values, double factor)
    {
        for (var h = 0; h < values.Length; h++) values[h] *= factor;
    }
}
