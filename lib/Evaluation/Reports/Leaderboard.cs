using System.Globalization;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tables;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>A method at one budget.</summary>
/// <param name="Score">Percent, the unweighted mean over data sets, with its 95 % interval.</param>
/// <param name="Difference">Points above the reference on the same questions; null for the reference itself.</param>
/// <param name="P">Its probability after Holm's correction over all comparisons of the board; null for the reference itself.</param>
public sealed record LeaderboardScore(Interval Score, Interval? Difference, double? P)
{
    /// <summary><c>+</c> or <c>-</c> where the difference from the reference is significant; else empty.</summary>
    public string Mark => P <= Comparison.Level ? Difference!.Value.Mean > 0 ? "+" : "-" : "";
}

/// <summary>A line of the board.</summary>
/// <param name="Method">Method with its parts.</param>
/// <param name="Scores">One for each budget of the board; null where it was not run.</param>
public sealed record LeaderboardLine(string Method, IReadOnlyList<LeaderboardScore?> Scores)
{
    /// <summary>Mean score over the budgets: what lines are ordered by.</summary>
    public double Mean => Scores.Average(score => score?.Score.Mean ?? 0);
}

/// <summary>
/// All methods of a results folder on one suite under one protocol, the best first: scores at each budget, and each method's difference from a reference
/// on the same questions, tested in pairs and corrected for all methods and budgets of the board.
/// </summary>
/// <param name="Suite">The suite.</param>
/// <param name="Protocol">The protocol.</param>
/// <param name="Reference">The method that others are tested against.</param>
/// <param name="Shares">The budgets, shares of the prompt, ascending.</param>
/// <param name="Full">The full cache.</param>
/// <param name="Lines">The methods, the highest mean over the budgets first.</param>
public sealed record Leaderboard(string Suite, string Protocol, string Reference, IReadOnlyList<double> Shares, Interval Full, IReadOnlyList<LeaderboardLine> Lines)
{
    /// <summary>Questions of a method at a budget.</summary>
    public required int Questions { get; init; }

    /// <summary>Contexts that they are on.</summary>
    public required int Contexts { get; init; }

    /// <summary>Comparisons with the reference.</summary>
    public required int Tested { get; init; }

    /// <summary>A board for each suite and protocol.</summary>
    /// <param name="rows">Rows of a results folder, budgets given as shares.</param>
    /// <param name="reference">The method that others are tested against, without parts.</param>
    /// <exception cref="LabException">A suite has no full cache or lacks the reference.</exception>
    public static IReadOnlyList<Leaderboard> Of(IReadOnlyList<EvalRow> rows, string reference)
    {
        var (cells, pairs) = (ScoreCells.Of(rows).ToLookup(c => (c.Suite, c.Protocol)), Comparisons.Of(rows, against: reference).ToLookup(c => (c.Suite, c.Protocol)));
        return [.. cells.Select(part => Board(part.Key.Suite, part.Key.Protocol, reference, Means([.. part]), [.. pairs[part.Key]], [.. rows.Where(r => (r.Suite, r.Protocol) == part.Key && r.Variant.IsFull)]))];
    }

    private static Leaderboard Board(string suite, string protocol, string reference, IReadOnlyList<ScoreCell> cells, IReadOnlyList<Comparison> pairs, IReadOnlyList<EvalRow> full)
    {
        double[] shares = [.. cells.Where(c => !c.Variant.IsFull).Select(c => c.Variant.Share).Distinct().Order()];
        if (full.Count == 0 || cells.FirstOrDefault(c => c.Variant.IsFull) is not { } whole) throw new LabException($"leaderboard, {suite} under {protocol}: the full cache was not run; run it beside the methods");
        if (cells.All(c => c.Variant.Name != reference)) throw new LabException($"leaderboard, {suite} under {protocol}: {reference}, which others are tested against, was not run; add it to the methods");
        var tested = pairs.ToDictionary(p => p.First.Name == reference ? p.Second : p.First, p => p.First.Name == reference ? (Difference: Opposite(p.Paired.Difference), P: p.CorrectedP) : (p.Paired.Difference, P: p.CorrectedP));
        var lines = cells.Where(c => !c.Variant.IsFull).GroupBy(c => c.Variant.Name).Select(method => new LeaderboardLine(method.Key, [.. shares.Select(share =>
            method.FirstOrDefault(c => c.Variant.Share == share) is not { } cell ? null
                : tested.TryGetValue(cell.Variant, out var pair) ? new LeaderboardScore(cell.Score, pair.Difference, pair.P) : new LeaderboardScore(cell.Score, null, null))]));
        return new(suite, protocol, reference, shares, whole.Score, [.. lines.OrderByDescending(line => line.Mean).ThenBy(line => line.Method, StringComparer.Ordinal)])
        {
            Questions = full.Count, Contexts = full.Select(r => r.Context).Distinct().Count(), Tested = pairs.Count,
        };
    }

    /// <summary>The averages over data sets where there are several, else the data set's own cells.</summary>
    private static IReadOnlyList<ScoreCell> Means(IReadOnlyList<ScoreCell> cells) => cells.Any(c => c.Dataset == ScoreCells.Average) ? [.. cells.Where(c => c.Dataset == ScoreCells.Average)] : cells;

    private static Interval Opposite(Interval difference) => new(-difference.Mean, -difference.High, -difference.Low, difference.Samples);

    /// <summary>The board as a table: a column for each budget, and one for the mean.</summary>
    public Table Table() => Tables.Table.Of($"{Suite}, protocol {Protocol}: {Questions} questions on {Contexts} contexts, per cent", Lines.Select((line, place) => (line, place)),
    [
        (new Column("#") { Align = Alignment.Right }, l => Number(l.place + 1, "0")), (new Column("method") { Align = Alignment.Left }, l => l.line.Method),
        .. Shares.Select((share, at) => ((Column, Func<(LeaderboardLine line, int place), object?>))(new Column(Words(share)) { Align = Alignment.Right, Missing = "–" }, l => l.line.Scores[at] is { } score ? Cell(score) : null)),
        (new Column("mean") { Align = Alignment.Right }, l => Number(l.line.Mean, "0.0")),
    ]) with
    {
        Remarks =
        [
            string.Create(CultureInfo.InvariantCulture, $"The full cache has {Full.Mean:0.0}{Ends(Full)}. Intervals: 95 %, by bootstrap over contexts."),
            $"+ and -: above and below {Reference} on the same questions, p of a paired test at most {Comparison.Level.ToString(CultureInfo.InvariantCulture)} after Holm's correction for all {Tested} comparisons of the board; without a sign the difference may be chance.",
        ],
    };

    /// <summary>The differences from the reference, all digits: one line for each method and budget.</summary>
    public Table Differences() => Tables.Table.Of("", Lines.SelectMany(line => Shares.Select((share, at) => (line.Method, share, Score: line.Scores[at]))).Where(cell => cell.Score is not null),
        ("suite", _ => Suite), ("protocol", _ => Protocol), ("method", c => c.Method), ("share", c => c.share), ("score", c => c.Score!.Score.Mean), ("low", c => c.Score!.Score.Low), ("high", c => c.Score!.Score.High),
        ("difference", c => c.Score!.Difference?.Mean), ("difference_low", c => c.Score!.Difference?.Low), ("difference_high", c => c.Score!.Difference?.High), ("p_holm", c => c.Score!.P));

    /// <summary>A budget as a heading: <c>1.5 %</c>.</summary>
    public static string Words(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.##} %");

    private static Cell Cell(LeaderboardScore score) => new(string.Create(CultureInfo.InvariantCulture, $"{score.Score.Mean:0.0}{score.Mark}")) { Key = score.Score.Mean, Aside = Ends(score.Score).Trim() };

    private static Cell Number(double value, string format) => new(value.ToString(format, CultureInfo.InvariantCulture)) { Key = value };

    private static string Ends(Interval score) => double.IsNaN(score.Low) ? "" : string.Create(CultureInfo.InvariantCulture, $" [{score.Low:0}, {score.High:0}]");
}
