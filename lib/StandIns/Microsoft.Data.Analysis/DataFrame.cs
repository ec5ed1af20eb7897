using System.Globalization;
using System.Text;

namespace Microsoft.Data.Analysis;

/// <summary>A table: named columns of equal length. Methods give new tables unless they say otherwise.</summary>
public partial class DataFrame
{
    /// <summary>A table of the given columns.</summary>
    /// <exception cref="ArgumentException">Two columns have one name, or their lengths differ.</exception>
    public DataFrame(params DataFrameColumn[] columns) : this((IEnumerable<DataFrameColumn>)columns) { }

    /// <summary>A table of the given columns.</summary>
    /// <exception cref="ArgumentException">Two columns have one name, or their lengths differ.</exception>
    public DataFrame(IEnumerable<DataFrameColumn> columns) => (Columns, Rows) = (new DataFrameColumnCollection(columns), new DataFrameRowCollection(this));

    /// <summary>The columns.</summary>
    public DataFrameColumnCollection Columns { get; }

    /// <summary>The rows.</summary>
    public DataFrameRowCollection Rows { get; }

    /// <summary>The column of a name.</summary>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    public DataFrameColumn this[string columnName]
    {
        get => Columns[columnName];
        set => Columns[columnName] = value;
    }

    /// <summary>One value.</summary>
    public object? this[long rowIndex, int columnIndex]
    {
        get => Columns[columnIndex][rowIndex];
        set => Columns[columnIndex][rowIndex] = value;
    }

    /// <summary>The rows for which the filter says true.</summary>
    public DataFrame this[PrimitiveDataFrameColumn<bool> rowFilter] => Filter(rowFilter);

    /// <summary>The rows for which the filter says true.</summary>
    public DataFrame this[IEnumerable<bool> rowFilter] => Filter(new BooleanDataFrameColumn("Filter", rowFilter));

    /// <summary>The rows at the given places, in that order.</summary>
    public DataFrame this[IEnumerable<int> rowIndices] => Take(rowIndices.Select(row => (long?)row));

    /// <summary>The rows at the given places, in that order.</summary>
    public DataFrame this[IEnumerable<long> rowIndices] => Take(rowIndices.Select(row => (long?)row));

    /// <summary>The rows for which the filter says true; a missing answer is no.</summary>
    /// <exception cref="ArgumentException">The filter is longer than the table.</exception>
    public DataFrame Filter(PrimitiveDataFrameColumn<bool> filter)
    {
        if (filter.Length > Rows.Count) throw new ArgumentException($"The filter has {filter.Length} values, the table {Rows.Count} rows.", nameof(filter));
        return Take(filter.AllRows().Where(row => filter[row] == true).Select(row => (long?)row));
    }

    /// <summary>The rows at the given places, in that order.</summary>
    public DataFrame Filter(PrimitiveDataFrameColumn<int> rowIndices) => Take(rowIndices.Select(row => (long?)row));

    /// <summary>The rows at the given places, in that order.</summary>
    public DataFrame Filter(PrimitiveDataFrameColumn<long> rowIndices) => Take(rowIndices);

    /// <summary>The first rows.</summary>
    public DataFrame Head(int numberOfRows) => Take(Range(0, Math.Min(numberOfRows, Rows.Count)));

    /// <summary>The last rows.</summary>
    public DataFrame Tail(int numberOfRows) => Take(Range(Math.Max(0, Rows.Count - numberOfRows), Rows.Count));

    /// <summary>A copy that shares nothing.</summary>
    public DataFrame Clone() => Take(Range(0, Rows.Count));

    /// <summary>The rows in order of a column; rows of equal values keep their order.</summary>
    /// <param name="columnName">The column.</param>
    /// <param name="ascending">Whether the smallest comes first.</param>
    /// <param name="putNullValuesLast">Whether rows without a value come last, else first.</param>
    public DataFrame OrderBy(string columnName, bool ascending = true, bool putNullValuesLast = true) =>
        Take(Columns[columnName].SortedRows(ascending, putNullValuesLast).Select(row => (long?)row));

    /// <summary>The rows in falling order of a column.</summary>
    public DataFrame OrderByDescending(string columnName, bool putNullValuesLast = true) => OrderBy(columnName, false, putNullValuesLast);

    /// <summary>Groups the rows by the values of a column; rows without a value belong to no group.</summary>
    public GroupBy GroupBy(string columnName)
    {
        var column = Columns[columnName];
        return column switch
        {
            StringDataFrameColumn => new GroupBy<string>(this, column),
            PrimitiveDataFrameColumn<double> => new GroupBy<double>(this, column),
            PrimitiveDataFrameColumn<float> => new GroupBy<float>(this, column),
            PrimitiveDataFrameColumn<int> => new GroupBy<int>(this, column),
            PrimitiveDataFrameColumn<long> => new GroupBy<long>(this, column),
            PrimitiveDataFrameColumn<bool> => new GroupBy<bool>(this, column),
            PrimitiveDataFrameColumn<DateTime> => new GroupBy<DateTime>(this, column),
            _ => throw new NotSupportedException($"Column '{columnName}' holds {column.DataType.Name}, by which rows cannot be grouped."),
        };
    }

    /// <summary>Groups the rows by the values of a column of type <typeparamref name="TKey"/>.</summary>
    /// <exception cref="InvalidCastException">The column is of another type.</exception>
    public GroupBy<TKey> GroupBy<TKey>(string columnName) => GroupBy(columnName) as GroupBy<TKey>
        ?? throw new InvalidCastException($"Column '{columnName}' holds {Columns[columnName].DataType.Name}, not {typeof(TKey).Name}.");

    /// <summary>The first 25 rows as text.</summary>
    public override string ToString() => ToString(25);

    /// <summary>The first rows as text.</summary>
    public string ToString(long rowsToShow)
    {
        var width = Math.Max(10, Columns.Select(column => column.Name.Length + 1).DefaultIfEmpty(0).Max());
        var text = new StringBuilder();
        foreach (var column in Columns) text.Append(column.Name.PadRight(width));
        text.AppendLine();
        foreach (var row in Rows.Take((int)Math.Min(rowsToShow, int.MaxValue)))
        {
            foreach (var value in row) text.Append((Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } words ? words : value is null ? "null" : "").PadRight(width));
            text.AppendLine();
        }
        if (rowsToShow < Rows.Count) text.AppendLine(CultureInfo.InvariantCulture, $"Showing {rowsToShow} of {Rows.Count} rows");
        return text.ToString();
    }

    /// <summary>The rows at the given places; null gives a row of missing values.</summary>
    internal DataFrame Take(IEnumerable<long?> rows)
    {
        var places = rows.ToArray();
        return new DataFrame(Columns.Select(column => column.Take(places)));
    }

    private static IEnumerable<long?> Range(long from, long to)
    {
        for (var row = from; row < to; row++) yield return row;
    }
}
