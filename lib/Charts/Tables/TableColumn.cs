using System.Globalization;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>One shown column of a result table: how its cells read and by what they are sorted.</summary>
internal sealed record TableColumn(string Source, string Heading, bool IsNumber, Func<long, TableCell> Cell)
{
    /// <summary>What <see cref="ResultTable.Best"/> marks; null for nothing.</summary>
    public BestRule? Best { get; init; }

    /// <summary>The rows that it marks.</summary>
    public IReadOnlySet<long>? BestRows { get; init; }

    /// <summary>A column as the frame has it: texts as they are, numbers with three digits, whole numbers in full.</summary>
    public static TableColumn Of(DataFrameColumn column)
    {
        var type = column.DataType;
        if (type == typeof(double) || type == typeof(float)) return Number(column, column.Name, Words.Short);
        if (type == typeof(int) || type == typeof(long)) return Number(column, column.Name, value => Words.Fixed(value, 0));
        return new TableColumn(column.Name, column.Name, false, row => new TableCell(column[row] switch
        {
            null => "–",
            bool truth => truth ? "yes" : "no",
            var value => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
        }));
    }

    /// <summary>A column of numbers spelled by <paramref name="format"/>.</summary>
    public static TableColumn Number(DataFrameColumn column, string heading, Func<double, string> format) =>
        new(column.Name, heading, true, row => Value(column, row) is var value && double.IsNaN(value)
            ? new TableCell("–") { Key = double.NaN }
            : new TableCell(format(value)) { Key = value });

    /// <summary>A column of numbers, each with the interval that two other columns hold.</summary>
    public static TableColumn Interval(DataFrameColumn column, DataFrameColumn low, DataFrameColumn high, string heading, Func<double, string> format) =>
        new(column.Name, heading, true, row =>
        {
            double value = Value(column, row), from = Value(low, row), to = Value(high, row);
            if (double.IsNaN(value)) return new TableCell("–") { Key = value };
            var interval = double.IsNaN(from) || double.IsNaN(to) ? "" : $"[{format(from)}, {format(to)}]";
            return new TableCell(format(value)) { Aside = interval, Key = value };
        });

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

/// <summary>What stands in a cell.</summary>
/// <param name="Text">The value as it reads.</param>
internal readonly record struct TableCell(string Text)
{
    /// <summary>What follows the value in a softer tone: its interval.</summary>
    public string Aside { get; init; } = "";

    /// <summary>The number by which the cell is sorted; texts are sorted by themselves.</summary>
    public double Key { get; init; } = double.NaN;

    /// <summary>Value and aside.</summary>
    public string Whole => Aside.Length > 0 ? $"{Text} {Aside}" : Text;
}
