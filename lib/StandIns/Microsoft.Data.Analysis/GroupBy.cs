namespace Microsoft.Data.Analysis;

/// <summary>The rows of a table in groups of one key each. Summaries give one row for each group, in order of first occurrence, its key first.</summary>
public abstract class GroupBy
{
    private protected readonly DataFrame Frame;
    private protected readonly DataFrameColumn KeyColumn;
    private protected readonly List<(object Key, List<long> Rows)> Groups;

    private protected GroupBy(DataFrame frame, DataFrameColumn keyColumn) => (Frame, KeyColumn, Groups) = (frame, keyColumn, keyColumn.Groups());

    /// <summary>How many values are there, in the named columns (all when none is named).</summary>
    public DataFrame Count(params string[] columnNames) =>
        Summarise(columnNames, column => new Int64DataFrameColumn(column.Name), (column, rows) => rows.LongCount(row => column[row] is not null));

    /// <summary>The value of each group's first row.</summary>
    public DataFrame First(params string[] columnNames) => Summarise(columnNames, column => column.Empty(column.Name), (column, rows) => column[rows[0]]);

    /// <summary>The largest value.</summary>
    /// <exception cref="NotSupportedException">A column holds no numbers.</exception>
    public DataFrame Max(params string[] columnNames) => Reduce(columnNames, DataFrameColumn.Reduction.Max);

    /// <summary>The smallest value.</summary>
    /// <exception cref="NotSupportedException">A column holds no numbers.</exception>
    public DataFrame Min(params string[] columnNames) => Reduce(columnNames, DataFrameColumn.Reduction.Min);

    /// <summary>The sum, in the column's own type.</summary>
    /// <exception cref="NotSupportedException">A column holds no numbers.</exception>
    public DataFrame Sum(params string[] columnNames) => Reduce(columnNames, DataFrameColumn.Reduction.Sum);

    /// <summary>The product, in the column's own type.</summary>
    /// <exception cref="NotSupportedException">A column holds no numbers.</exception>
    public DataFrame Product(params string[] columnNames) => Reduce(columnNames, DataFrameColumn.Reduction.Product);

    /// <summary>The mean.</summary>
    /// <exception cref="NotSupportedException">A column holds no numbers.</exception>
    public DataFrame Mean(params string[] columnNames) =>
        Summarise(columnNames, column => new DoubleDataFrameColumn(column.Name), (column, rows) => column.Mean(rows) is var mean && double.IsNaN(mean) ? null : mean);

    /// <summary>The first rows of each group, its key first.</summary>
    public DataFrame Head(int numberOfRows) => Pick(rows => rows.Take(numberOfRows));

    /// <summary>The last rows of each group, its key first.</summary>
    public DataFrame Tail(int numberOfRows) => Pick(rows => rows.TakeLast(numberOfRows));

    private DataFrame Reduce(string[] columnNames, DataFrameColumn.Reduction reduction) =>
        Summarise(columnNames, column => column.Empty(column.Name), (column, rows) => column.Reduce(reduction, rows));

    private DataFrame Summarise(string[] columnNames, Func<DataFrameColumn, DataFrameColumn> start, Func<DataFrameColumn, List<long>, object?> value)
    {
        var keys = KeyColumn.Empty(KeyColumn.Name);
        foreach (var (key, _) in Groups) keys.AppendValue(key);
        var columns = new List<DataFrameColumn> { keys };
        foreach (var column in columnNames.Length > 0 ? columnNames.Select(name => Frame.Columns[name]) : Frame.Columns)
        {
            if (column == KeyColumn) continue;
            var summary = start(column);
            foreach (var (_, rows) in Groups) summary.AppendValue(value(column, rows));
            columns.Add(summary);
        }
        return new DataFrame(columns);
    }

    private DataFrame Pick(Func<List<long>, IEnumerable<long>> choose)
    {
        var picked = Frame.Take(Groups.SelectMany(group => choose(group.Rows)).Select(row => (long?)row));
        var key = picked.Columns[KeyColumn.Name];
        picked.Columns.Remove(KeyColumn.Name);
        picked.Columns.Insert(0, key);
        return picked;
    }
}

/// <summary>The rows of a table in groups of one key each.</summary>
/// <typeparam name="TKey">Type of the keys.</typeparam>
public class GroupBy<TKey> : GroupBy
{
    internal GroupBy(DataFrame frame, DataFrameColumn keyColumn) : base(frame, keyColumn) { }

    /// <summary>The groups: their keys and rows.</summary>
    public IEnumerable<IGrouping<TKey, DataFrameRow>> Groupings =>
        from @group in Groups
        from row in @group.Rows
        group Frame.Rows[row] by (TKey)@group.Key;
}
