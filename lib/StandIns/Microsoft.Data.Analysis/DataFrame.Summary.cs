namespace Microsoft.Data.Analysis;

public partial class DataFrame
{
    /// <summary>Of each column of numbers: how many are there, the largest, the smallest and the mean.</summary>
    public DataFrame Description()
    {
        var numbers = Columns.Where(column => column.HoldsNumbers).ToArray();
        if (numbers.Length == 0) return new DataFrame();
        var names = new StringDataFrameColumn("Description", ["Length (excluding null values)", "Max", "Min", "Mean"]);
        return new DataFrame(numbers.Select(Described).Prepend<DataFrameColumn>(names));

        static SingleDataFrameColumn Described(DataFrameColumn column) => new(column.Name,
            [column.Length - column.NullCount, AsSingle(column.Max()), AsSingle(column.Min()), column.Length > column.NullCount ? (float)column.Mean() : null]);
    }

    /// <summary>Of each column: the type of its values, and how many are there.</summary>
    public DataFrame Info() => Columns.Count == 0 ? new DataFrame() : new DataFrame(Columns
        .Select(column => (DataFrameColumn)new StringDataFrameColumn(column.Name, [column.DataType.ToString(), (column.Length - column.NullCount).ToString(null, null)]))
        .Prepend(new StringDataFrameColumn("Info", ["DataType", "Length (excluding null values)"])));

    private static float? AsSingle(object? number) => number is null ? null : Convert.ToSingle(number, null);
}
