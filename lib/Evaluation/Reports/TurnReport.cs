using System.Globalization;
using System.Text;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tables;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>Conversations by turn: what is left of a method's score once the cache is asked a question that it was not compressed with.</summary>
public static class TurnReport
{
    /// <summary>A line for each variant; scores in percent. Empty where questions stand alone.</summary>
    public static string Csv(IReadOnlyList<TurnGap> gaps) => gaps.Count == 0 ? "" : Table.Of("", gaps,
        ("suite", g => g.Suite), ("protocol", g => g.Protocol), ("method", g => g.Variant.Name), ("kv_size", g => g.Variant.KvSize), ("share", g => g.Variant.Share), ("settings", g => g.Variant.Key), ("seed", g => g.Seed),
        (Number("turn_1"), g => g.First.Mean), (Number("turn_1_low"), g => g.First.Low), (Number("turn_1_high"), g => g.First.High),
        (Number("later"), g => g.Later.Mean), (Number("later_low"), g => g.Later.Low), (Number("later_high"), g => g.Later.High),
        (Number("gap"), g => g.Gap.Difference.Mean), (Number("gap_low"), g => g.Gap.Difference.Low), (Number("gap_high"), g => g.Gap.Difference.High), (Number("p", 6), g => g.Gap.P), (Number("p_holm", 6), g => g.CorrectedP),
        (Number("beyond_full"), g => g.BeyondFull?.Difference.Mean), (Number("beyond_full_low"), g => g.BeyondFull?.Difference.Low), (Number("beyond_full_high"), g => g.BeyondFull?.Difference.High),
        ("contexts", g => g.Gap.Clusters), ("turns", g => string.Join(' ', g.Turns.Select(t => t.ToString("F2", CultureInfo.InvariantCulture))))).ToCsv();

    /// <summary>A table for each suite and protocol. Empty where questions stand alone.</summary>
    public static string Markdown(IReadOnlyList<TurnGap> gaps)
    {
        var text = new StringBuilder();
        foreach (var part in gaps.GroupBy(g => (g.Suite, g.Protocol, g.Seed)))
        {
            var (suffix, turns) = (ResultReport.Suffixes(part.Select(g => g.Variant)), part.Max(g => g.Turns.Count));
            text.Append(CultureInfo.InvariantCulture, $"### {part.Key.Suite}, protocol {part.Key.Protocol}, by turn, {part.Max(g => g.Gap.Clusters)} conversations\n\n");
            text.Append(Table.Of("", part,
            [
                ("budget", g => g.Variant.BudgetName), ("method", g => g.Variant.Name + suffix(g.Variant)), ("turn 1", g => ResultReport.Percent(g.First)),
                .. turns < 3 ? (ReadOnlySpan<(Column, Func<TurnGap, object?>)>)[] : [.. Enumerable.Range(1, turns - 1).Select(turn => (new Column($"turn {turn + 1}") { Missing = "–" }, (Func<TurnGap, object?>)(g => turn < g.Turns.Count ? g.Turns[turn].ToString("0", CultureInfo.InvariantCulture) : null)))],
                ("turns 2+", g => ResultReport.Percent(g.Later)), ("turns 2+ minus turn 1", g => Signed(g.Gap)),
                (new Column("p, corrected") { Format = "0.000" }, g => g.CorrectedP), (new Column("beyond the full cache's") { Missing = "–" }, g => g.BeyondFull is { } beyond ? Signed(beyond) : null),
            ]).ToMarkdown()).Append('\n');
        }
        return text.ToString();
    }

    private static string Signed(PairedDifference of) => of.Clusters < 2 ? of.Difference.Mean.ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{of.Difference.Mean:+0.0;-0.0;0.0} [{of.Difference.Low:0.0}, {of.Difference.High:0.0}]");

    private static Column Number(string name, int decimals = 4) => new(name) { Format = "F" + decimals.ToString(CultureInfo.InvariantCulture) };
}
