using System.Collections;

namespace Microsoft.Data.Analysis;

/// <summary>A view of one row of a frame.</summary>
public class DataFrameRow : IEnumerable<object?>
{
    private readonly DataFrame frame;
    private readonly long row;

    internal DataFrameRow(DataFrame frame, long row) => (this.frame, this.row) = (frame, row);

    /// <summary>The row's value in the column at a place.</summary>
    public object? this[int index]
    {
        get => frame.Columns[index][row];
        set => frame.Columns[index][row] = value;
    }

    /// <summary>The row's value in the column of a name.</summary>
    public object? this[string columnName]
    {
        get => frame.Columns[columnName][row];
        set => frame.Columns[columnName][row] = value;
    }

    /// <summary>Goes through the row's values in order of column.</summary>
    public IEnumerator<object?> GetEnumerator() => frame.Columns.Select(column => column[row]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The row's values, parted by spaces.</summary>
    public override string ToString() => string.Join(' ', this.Select(value => value ?? "null"));
}

/// <summary>The rows of a frame.</summary>
public class DataFrameRowCollection : IEnumerable<DataFrameRow>
{
    private readonly DataFrame frame;

    internal DataFrameRowCollection(DataFrame frame) => this.frame = frame;

    /// <summary>Number of rows.</summary>
    public long Count => frame.Columns.Count == 0 ? 0 : frame.Columns[0].Length;

    /// <summary>One row.</summary>
    public DataFrameRow this[long index] => new(frame, index);

    /// <summary>Goes through the rows.</summary>
    public IEnumerator<DataFrameRow> GetEnumerator()
    {
        for (var row = 0L; row < Count; row++) yield return this[row];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
