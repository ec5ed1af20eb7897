using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Charts;

/// <summary>Exact match over the values of a setting, such as beta: one line for each budget, the values side by side.</summary>
public static class SettingScores
{
    /// <summary>Draws the lines with 95 % intervals.</summary>
    /// <param name="rows">Rows of all values of the setting, on the same questions.</param>
    /// <param name="setting">The value that a row was run with.</param>
    /// <param name="name">Name of the setting, with its unit.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="note">How to read it.</param>
    /// <exception cref="ArgumentException">There are no rows.</exception>
    public static Figure Draw(IReadOnlyList<EvalRow> rows, Func<EvalRow, double> setting, string name, string title,
        string note = "Points are means over questions, whiskers their 95 % intervals (bootstrap over contexts). The values are evenly spaced; the axis is not to scale.")
    {
        var curves = rows.GroupBy(row => row.Variant.BudgetName).OrderBy(budget => budget.Average(row => row.Share)).Select(budget =>
        {
            var points = budget.GroupBy(setting).OrderBy(value => value.Key)
                .Select(value => (Value: value.Key, Score: Bootstrap.Mean(value.Select(row => (row.Context, row.Score))))).ToArray();
            return new Curve(budget.Key.EndsWith('%') ? $"{budget.Key} of the entries" : $"{budget.Key} entries per head", [.. points.Select(p => p.Value)], [.. points.Select(p => p.Score.Mean)])
            {
                Low = [.. points.Select(p => p.Score.Low)],
                High = [.. points.Select(p => p.Score.High)],
            };
        });
        return Curves.Draw([.. curves], title, name, "Exact match", note, Spacing.Ordinal, xFormat: value => Format.Exact(value));
    }
}
