using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Evaluation.Statistics;

/// <summary>What a variant answers in the first turn of conversations and in later ones; scores in percent, on the contexts that have both.</summary>
/// <param name="Suite">Suite.</param>
/// <param name="Protocol">Prompt protocol.</param>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Variant">Method, budget and settings.</param>
/// <param name="Turns">Mean score of each turn, <c>[turn]</c>, the first at 0.</param>
/// <param name="First">Turn 1: its question was compressed with the context, unless the protocol compresses before.</param>
/// <param name="Later">Turns 2 and later together: the cache was compressed without their questions.</param>
/// <param name="Gap">Later minus first.</param>
/// <param name="CorrectedP">Its probability if turns were alike, after Holm's correction over the variants of the suite and protocol.</param>
/// <param name="BeyondFull">The gap less that of the full cache on the same contexts: what compression adds to it; null without a full cache to compare with.</param>
public sealed record TurnGap(string Suite, string Protocol, int Seed, Variant Variant, IReadOnlyList<double> Turns, Interval First, Interval Later, PairedDifference Gap, double CorrectedP, PairedDifference? BeyondFull);

/// <summary>
/// Turn 1 against later turns. Contexts are what is independent: each gives one difference, the mean of its later turns less its first, and they are resampled and their signs
/// flipped as a whole. Suites whose families take the turns by a Latin square have the same families in every turn, so that the difference is none of families.
/// </summary>
public static class TurnGaps
{
    /// <summary>A gap for each variant, in the order of tables; none where questions stand alone or no context has later turns.</summary>
    /// <param name="rows">Rows of a results folder.</param>
    /// <param name="seed">Seed of intervals and flips.</param>
    public static IReadOnlyList<TurnGap> Of(IEnumerable<EvalRow> rows, int seed = 1)
    {
        var gaps = new List<TurnGap>();
        foreach (var part in ResultFolder.Ordered(rows.Where(r => r.Turn is not null)).GroupBy(r => (r.Suite, r.Protocol, r.Seed)))
        {
            var variants = part.GroupBy(r => r.Variant).ToDictionary(g => g.Key, g => Whole([.. g]));
            var full = variants.GetValueOrDefault(Variant.Full) is { Count: > 0 } reference ? Differences(reference) : null;
            var found = ScoreCells.InOrder(variants.Keys).Where(v => variants[v].Count > 0).Select(v => (Variant: v, Rows: variants[v])).ToArray();
            var tested = found.Select(f => PairedTest.Of([.. Differences(f.Rows).Select(d => (d.Key, d.Value))], seed, found.Length)).ToArray();
            var corrected = PairedTest.Holm([.. tested.Select(t => t.P)]);
            gaps.AddRange(found.Select((f, i) => new TurnGap(part.Key.Suite, part.Key.Protocol, part.Key.Seed, f.Variant,
                [.. f.Rows.GroupBy(r => r.Turn).OrderBy(g => g.Key).Select(g => 100 * g.Average(r => r.Score))], Score(f.Rows.Where(r => r.Turn == 1)), Score(f.Rows.Where(r => r.Turn > 1)),
                tested[i], corrected[i], full is null || f.Variant.IsFull ? null : Beyond(Differences(f.Rows), full, seed))));
        }
        return gaps;
    }

    /// <summary>The rows of contexts that have a first turn and later ones.</summary>
    private static List<EvalRow> Whole(IReadOnlyList<EvalRow> rows) => [.. rows.GroupBy(r => r.Context).Where(g => g.Any(r => r.Turn == 1) && g.Any(r => r.Turn > 1)).SelectMany(g => g)];

    private static Dictionary<string, double> Differences(IEnumerable<EvalRow> rows) =>
        rows.GroupBy(r => r.Context).ToDictionary(g => g.Key, g => 100 * (g.Where(r => r.Turn > 1).Average(r => r.Score) - g.Where(r => r.Turn == 1).Average(r => r.Score)));

    private static PairedDifference? Beyond(Dictionary<string, double> own, Dictionary<string, double> full, int seed) =>
        own.Where(d => full.ContainsKey(d.Key)).Select(d => (d.Key, d.Value - full[d.Key])).ToArray() is { Length: > 0 } both ? PairedTest.Of(both, seed) : null;

    private static Interval Score(IEnumerable<EvalRow> rows) => Bootstrap.Mean(rows.Select(r => (r.Context, 100 * r.Score)));
}
