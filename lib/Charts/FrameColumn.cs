using System.Globalization;
using HeadKvLab.Tables;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>One shown column of a data frame: how its cells read and by what they are sorted.</summary>
/// <param name="Source">Name of the column in the frame.</param>
/// <param name="Column">The column of the table.</param>
/// <param name="Cell">The cell of a row.</param>
internal sealed record FrameColumn(string Source, Column Column, Func<long, Cell> Cell)
{
    /// <summary>What <see cref="ResultTable.Best"/> marks; null for nothing.</summary>
    public BestRule? Best { get; init; }

    /// <summary>The rows that it marks.</summary>
    public IReadOnlySet<long>? BestRows { get; init; }

    /// <summary>A column as the frame has it: texts as they are, numbers with three digits, whole numbers in full.</summary>
    public static FrameColumn Of(DataFrameColumn column)
    {
        var type = column.DataType;
        if (type == typeof(double) || type == typeof(float)) return Number(column, column.Name, Format.Short);
        if (type == typeof(int) || type == typeof(long)) return Number(column, column.Name, value => Format.Fixed(value, 0));
        return new FrameColumn(column.Name, Text(column.Name), row => new Cell(column[row] switch
        {
            null => "–",
            bool truth => truth ? "yes" : "no",
            var value => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
        }));
    }

    /// <summary>A column of numbers spelled by <paramref name="format"/>.</summary>
    public static FrameColumn Number(DataFrameColumn column, string heading, Func<double, string> format) =>
        new(column.Name, Numbers(heading), row => Value(column, row) is var value && double.IsNaN(value)
            ? new Cell("–") { Key = double.NaN }
            : new Cell(format(value)) { Key = value });

    /// <summary>A column of numbers, each with the interval that two other columns hold.</summary>
    public static FrameColumn Interval(DataFrameColumn column, DataFrameColumn low, DataFrameColumn high, string heading, Func<double, string> format) =>
        new(column.Name, Numbers(heading), row =>
        {
            double value = Value(column, row), from = Value(low, row), to = Value(high, row);
            if (double.IsNaN(value)) return new Cell("–") { Key = value };
            var interval = double.IsNaN(from) || double.IsNaN(to) ? "" : $"[{format(from)}, {format(to)}]";
            return new Cell(format(value)) { Aside = interval, Key = value };
        });

    private static Column Text(string heading) => new(heading) { Align = Alignment.Left };

    private static Column Numbers(string heading) => new(heading) { Align = Alignment.Right };

    /// <summary>A value as a number; not-a-number where it is missing.</summary>
    public static double Value(DataFrameColumn column, long row) => column[row] switch
    {
        null => double.NaN,
        string or bool or DateTime => throw new ArgumentException($"Column '{column.Name}' holds {column.DataType.Name}, not numbers."),
        var value => Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };
}

/// <summary>Which values of a column are marked as the best.</summary>
/// <param name="Highest">Whether the highest is the best, else the lowest.</param>
/// <param name="Within">A column whose equal values form groups, each with a best of its own; null for the whole table.</param>
/// <param name="LeaveOut">Rows with this text in one of their columns take no part; null: all do.</param>
internal sealed record BestRule(bool Highest, string? Within, string? LeaveOut);
