using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>One measured score: a method at a budget, with its interval.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Budget">Kept entries as a share of the full cache, 0.03 for 3 %; 1 for the full cache.</param>
/// <param name="Score">The score, between 0 and 1.</param>
/// <param name="Low">Lower end of its 95 % interval; not-a-number where unknown.</param>
/// <param name="High">Upper end of its 95 % interval; not-a-number where unknown.</param>
public sealed record BudgetScore(string Method, double Budget, double Score, double Low = double.NaN, double High = double.NaN);

/// <summary>Scores over the budget, one line for each method, with 95 % intervals; the full cache is the dashed line across.</summary>
public static class BudgetScores
{
    /// <summary>Draws the chart.</summary>
    /// <param name="scores">Measured scores. A method whose only budget is 1 is drawn as a line across.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="measure">Name of the score.</param>
    /// <param name="note">How to read it.</param>
    /// <exception cref="ArgumentException">There is no score at a budget below the full cache, or a budget is not in (0, 1].</exception>
    public static Figure Draw(IReadOnlyList<BudgetScore> scores, string title = "Score by cache budget", string measure = "Exact match",
        string note = "Points are means over questions, whiskers their 95 % intervals; the dashed line is the uncompressed cache.")
    {
        if (scores.FirstOrDefault(score => score.Budget is not (> 0 and <= 1)) is { } wrong)
            throw new ArgumentException($"The budget of '{wrong.Method}' is {Format.Short(wrong.Budget)}: give a share of the full cache, above 0 and at most 1.", nameof(scores));
        var methods = scores.GroupBy(score => score.Method).ToArray();
        var compressed = methods.Where(method => method.Any(score => score.Budget < 1)).ToArray();
        if (compressed.Length == 0) throw new ArgumentException("No score has a budget below the full cache.", nameof(scores));
        var styles = Theme.StylesFor([.. compressed.Select(method => method.Key)]);
        var x = Axis.Logarithmic("Cache budget (share of the full cache's entries)", compressed.SelectMany(method => method).Select(score => score.Budget), Format.Percent, room: 0.09);
        var marks = new List<Mark>();
        foreach (var full in methods.Except(compressed))
            marks.Add(new RuleMark(full.First().Score, $"{full.Key}: {Format.Fixed(full.First().Score, 2)}"));
        var step = (x.Max - x.Min) * 0.009; // points of one budget stand a little apart, so that their whiskers do not cover each other
        for (var index = 0; index < compressed.Length; index++)
        {
            var points = compressed[index].OrderBy(score => score.Budget).ToArray();
            var aside = (index - (compressed.Length - 1) / 2.0) * step;
            marks.Add(new LineMark(compressed[index].Key, styles[index], [.. points.Select(point => Math.Log2(point.Budget) + aside)], [.. points.Select(point => point.Score)])
            {
                Low = [.. points.Select(point => point.Low)],
                High = [.. points.Select(point => point.High)],
                Hover = [.. points.Select(point => $"{point.Method} at {Format.Percent(point.Budget)}\n{measure}: {Format.Interval(point.Score, point.Low, point.High)}")],
            });
        }
        var reach = scores.Select(score => double.IsNaN(score.High) ? score.Score : Math.Max(score.High, score.Score)).Max();
        var y = Axis.Linear(measure, scores.Select(score => score.Score), min: 0, max: reach <= 1 ? 1.04 : null);
        return new Sketch(title, note, [new Panel("", x, y, marks)]) { Height = 440 }.ToFigure();
    }
}
