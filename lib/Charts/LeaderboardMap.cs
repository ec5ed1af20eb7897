using HeadKvLab.Charts.Sketches;
using HeadKvLab.Evaluation.Reports;

namespace HeadKvLab.Charts;

/// <summary>Leaderboards side by side as heat maps: methods from top to bottom, the best of the first board first, budgets from left to right.</summary>
public static class LeaderboardMap
{
    private const int RowHeight = 21, LongestName = 30;

    /// <summary>Draws the boards.</summary>
    /// <param name="boards">At least one; lines of the first give the order.</param>
    /// <param name="most">Most methods; the lowest of the first board are left out.</param>
    /// <param name="title">Title of the figure.</param>
    /// <exception cref="ArgumentException">There is no board.</exception>
    public static Figure Draw(IReadOnlyList<Leaderboard> boards, int most = int.MaxValue, string title = "What is left of the answers")
    {
        if (boards.Count == 0) throw new ArgumentException("There is no board to draw.", nameof(boards));
        string[] methods = [.. boards[0].Lines.Take(most).Select(line => line.Method)];
        var scale = new ColourScale("per cent", 0, 100);
        var panels = boards.Select((board, at) =>
        {
            var lines = board.Lines.ToDictionary(line => line.Method);
            var values = new double[methods.Length, board.Shares.Count];
            var (labels, hover) = (new string[methods.Length, board.Shares.Count], new string[methods.Length, board.Shares.Count]);
            for (var row = 0; row < methods.Length; row++)
                for (var column = 0; column < board.Shares.Count; column++)
                {
                    var score = lines.GetValueOrDefault(methods[row])?.Scores[column];
                    values[row, column] = score?.Score.Mean ?? double.NaN;
                    labels[row, column] = score is null ? "" : Format.Fixed(score.Score.Mean, 0) + score.Mark;
                    hover[row, column] = score is null ? $"{methods[row]}: not run" : $"{methods[row]}, {Leaderboard.Words(board.Shares[column])} of the entries\n{Format.Interval(score.Score.Mean, score.Score.Low, score.Score.High, 1)} per cent";
                }
            return new Panel(board.Protocol == "agnostic" ? "question after compression" : board.Protocol == "standard" ? "question seen" : $"{board.Suite}, {board.Protocol}",
                Axis.Categories("entries kept", [.. board.Shares.Select(Leaderboard.Words)]),
                Axis.Categories("", at == 0 ? [.. methods.Select(Shortened)] : [.. methods.Select(_ => "")], reversed: true), [new CellMark(values, scale) { Hover = hover, Labels = labels }]);
        });
        var note = $"{(methods.Length < boards[0].Lines.Count ? $"The first {methods.Length} of {boards[0].Lines.Count} methods. " : "")}Exact match in per cent; the full cache has {Format.Fixed(boards[0].Full.Mean, 0)}. + and -: significantly above and below {boards[0].Reference}.";
        return new Sketch(title, note, [.. panels]) { Columns = boards.Count, Width = 280 + 310 * boards.Count, Height = 170 + RowHeight * methods.Length }.ToFigure();
    }

    private static string Shortened(string name) => name.Length <= LongestName ? name : name[..(LongestName - 1)] + "…";
}
