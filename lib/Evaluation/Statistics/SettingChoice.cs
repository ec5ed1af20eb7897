using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Evaluation.Statistics;

/// <summary>How much the score of a chosen setting flatters it.</summary>
/// <param name="Seen">Mean score of the chosen setting on the contexts it was chosen on.</param>
/// <param name="Unseen">Mean score of the same setting on the other contexts.</param>
/// <param name="Halvings">How often the contexts were halved.</param>
public readonly record struct ChoiceOptimism(double Seen, double Unseen, int Halvings)
{
    /// <summary>What is lost when the setting meets contexts it was not chosen on; its expectation is not negative.</summary>
    public double Optimism => Seen - Unseen;
}

/// <summary>
/// Choosing a setting, such as beta, by its score, and what that does to the score: the best of several noisy means is too high (the winner's curse).
/// Contexts are halved at random again and again; each time the setting is chosen on one half and scored on the other. Contexts stay whole.
/// </summary>
public static class SettingChoice
{
    /// <summary>The setting of the highest mean score; of equal ones the first in the order of the rows.</summary>
    /// <param name="rows">Rows of all settings on the same questions.</param>
    /// <param name="setting">The setting of a row.</param>
    /// <exception cref="ArgumentException">There are no rows.</exception>
    public static T Best<T>(IEnumerable<EvalRow> rows, Func<EvalRow, T> setting) where T : notnull
    {
        var table = Tabulate(rows, setting);
        return table.Settings[Winner(table, [.. Enumerable.Range(0, table.Counts.Length)])];
    }

    /// <summary>Measures the optimism of <see cref="Best"/> on rows that are all from one suite.</summary>
    /// <param name="rows">Rows of all settings on the same questions, at least two contexts.</param>
    /// <param name="setting">The setting of a row.</param>
    /// <param name="halvings">Times the contexts are halved.</param>
    /// <param name="seed">Equal seeds give equal halves.</param>
    /// <exception cref="ArgumentException">There are fewer than two contexts.</exception>
    public static ChoiceOptimism Optimism<T>(IEnumerable<EvalRow> rows, Func<EvalRow, T> setting, int halvings = 2000, int seed = 1) where T : notnull
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(halvings, 1);
        var table = Tabulate(rows, setting);
        if (table.Counts.Length < 2) throw new ArgumentException("one context cannot be halved: give rows of two and more", nameof(rows));
        var random = new Random(seed);
        int[] order = [.. Enumerable.Range(0, table.Counts.Length)];
        double seen = 0, unseen = 0;
        for (var i = 0; i < halvings; i++)
        {
            random.Shuffle(order);
            var half = order.Length / 2;
            var best = Winner(table, order.AsSpan(0, half));
            seen += Mean(table, best, order.AsSpan(0, half));
            unseen += Mean(table, best, order.AsSpan(half));
        }
        return new(seen / halvings, unseen / halvings, halvings);
    }

    /// <param name="Settings">In the order of the rows.</param>
    /// <param name="Sums">Sum of the scores, <c>[setting, context]</c>.</param>
    /// <param name="Counts">Questions, <c>[context]</c>.</param>
    private sealed record Table<T>(T[] Settings, double[,] Sums, int[] Counts);

    private static Table<T> Tabulate<T>(IEnumerable<EvalRow> rows, Func<EvalRow, T> setting) where T : notnull
    {
        var all = rows.ToArray();
        if (all.Length == 0) throw new ArgumentException("there are no results to choose by", nameof(rows));
        T[] settings = [.. all.Select(setting).Distinct()];
        string[] contexts = [.. all.Select(r => r.Context).Distinct()];
        var (sums, counts) = (new double[settings.Length, contexts.Length], new int[settings.Length, contexts.Length]);
        foreach (var row in all)
        {
            var (s, c) = (Array.IndexOf(settings, setting(row)), Array.IndexOf(contexts, row.Context));
            sums[s, c] += row.Score;
            counts[s, c]++;
        }
        for (var s = 0; s < settings.Length; s++)
            for (var c = 0; c < contexts.Length; c++)
                if (counts[s, c] != counts[0, c]) throw new ArgumentException($"setting '{settings[s]}' answered {counts[s, c]} questions on context '{contexts[c]}', '{settings[0]}' {counts[0, c]}: settings are compared on the same questions", nameof(rows));
        return new(settings, sums, [.. Enumerable.Range(0, contexts.Length).Select(c => counts[0, c])]);
    }

    private static int Winner<T>(Table<T> table, ReadOnlySpan<int> contexts)
    {
        var (best, highest) = (0, double.NegativeInfinity);
        for (var s = 0; s < table.Settings.Length; s++)
            if (Mean(table, s, contexts) is var mean && mean > highest) (best, highest) = (s, mean);
        return best;
    }

    private static double Mean<T>(Table<T> table, int setting, ReadOnlySpan<int> contexts)
    {
        var (sum, count) = (0.0, 0);
        foreach (var c in contexts) (sum, count) = (sum + table.Sums[setting, c], count + table.Counts[c]);
        return sum / count;
    }
}
