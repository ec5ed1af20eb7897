using System.Collections;

namespace Microsoft.Data.Analysis;

/// <summary>A named sequence of values of one type, any of which may be missing (null).</summary>
public abstract class DataFrameColumn : IEnumerable
{
    private readonly List<DataFrameColumnCollection> owners = [];

    private protected DataFrameColumn(string name, Type dataType) => (Name, DataType) = (name, dataType);

    /// <summary>The column's name.</summary>
    public string Name { get; private set; }

    /// <summary>Type of the values.</summary>
    public Type DataType { get; }

    /// <summary>Number of values, missing ones included.</summary>
    public abstract long Length { get; }

    /// <summary>Number of missing values.</summary>
    public abstract long NullCount { get; }

    /// <summary>The value of a row, null where it is missing.</summary>
    /// <exception cref="ArgumentException">The value is not of the column's type.</exception>
    public object? this[long rowIndex]
    {
        get => GetValue(rowIndex);
        set => SetValue(rowIndex, value);
    }

    /// <summary>A column of the type of its values.</summary>
    public static PrimitiveDataFrameColumn<T> Create<T>(string name, IEnumerable<T> values) where T : unmanaged => new(name, values);

    /// <summary>A column of the type of its values, some of which are missing.</summary>
    public static PrimitiveDataFrameColumn<T> Create<T>(string name, IEnumerable<T?> values) where T : unmanaged => new(name, values);

    /// <summary>A column of texts.</summary>
    public static StringDataFrameColumn Create(string name, IEnumerable<string?> values) => new(name, values);

    /// <summary>Gives the column another name, in every frame that holds it.</summary>
    /// <exception cref="ArgumentException">A frame that holds it has a column of that name.</exception>
    public void SetName(string newName)
    {
        foreach (var owner in owners) owner.CheckRename(this, newName);
        Name = newName;
    }

    /// <summary>Sum of the values that are there, in the column's own type.</summary>
    /// <exception cref="NotSupportedException">The column holds no numbers.</exception>
    public virtual object Sum() => Reduce(Reduction.Sum, AllRows()) ?? 0;

    /// <summary>Largest of the values that are there.</summary>
    /// <exception cref="NotSupportedException">The column holds no numbers.</exception>
    public virtual object? Max() => Reduce(Reduction.Max, AllRows());

    /// <summary>Smallest of the values that are there.</summary>
    /// <exception cref="NotSupportedException">The column holds no numbers.</exception>
    public virtual object? Min() => Reduce(Reduction.Min, AllRows());

    /// <summary>Mean of the values that are there.</summary>
    /// <exception cref="NotSupportedException">The column holds no numbers.</exception>
    public virtual double Mean() => Mean(AllRows());

    /// <summary>Median of the values that are there; the mean of the middle two when they are even in number.</summary>
    /// <exception cref="NotSupportedException">The column holds no numbers.</exception>
    public virtual double Median()
    {
        var values = Numbers(AllRows()).Order().ToArray();
        if (values.Length == 0) return double.NaN;
        return values.Length % 2 == 1 ? values[values.Length / 2] : (values[values.Length / 2 - 1] + values[values.Length / 2]) / 2;
    }

    /// <summary>A copy in order of value; missing values come last.</summary>
    public DataFrameColumn Sort(bool ascending = true, bool putNullValuesLast = true) => Take(SortedRows(ascending, putNullValuesLast).Select(row => (long?)row));

    /// <summary>How often each value occurs: a frame of the columns <c>Values</c> and <c>Counts</c>.</summary>
    public DataFrame ValueCounts()
    {
        var groups = Groups();
        var values = Empty("Values");
        foreach (var (key, _) in groups) values.AppendValue(key);
        return new DataFrame(values, new Int64DataFrameColumn("Counts", groups.Select(group => (long)group.Rows.Count)));
    }

    /// <summary>For each row, whether its value equals <paramref name="value"/>; false where it is missing.</summary>
    public PrimitiveDataFrameColumn<bool> ElementwiseEquals<T>(T value) => Compare(value, order => order == 0);

    /// <summary>For each row, whether its value differs from <paramref name="value"/>; true where it is missing.</summary>
    public PrimitiveDataFrameColumn<bool> ElementwiseNotEquals<T>(T value) => Compare(value, order => order != 0);

    /// <summary>For each row, whether its value is greater; false where it is missing.</summary>
    public PrimitiveDataFrameColumn<bool> ElementwiseGreaterThan<T>(T value) => Compare(value, order => order > 0);

    /// <summary>For each row, whether its value is greater or equal; false where it is missing.</summary>
    public PrimitiveDataFrameColumn<bool> ElementwiseGreaterThanOrEqual<T>(T value) => Compare(value, order => order >= 0);

    /// <summary>For each row, whether its value is less; false where it is missing.</summary>
    public PrimitiveDataFrameColumn<bool> ElementwiseLessThan<T>(T value) => Compare(value, order => order < 0);

    /// <summary>For each row, whether its value is less or equal; false where it is missing.</summary>
    public PrimitiveDataFrameColumn<bool> ElementwiseLessThanOrEqual<T>(T value) => Compare(value, order => order <= 0);

    IEnumerator IEnumerable.GetEnumerator()
    {
        for (var row = 0L; row < Length; row++) yield return this[row];
    }

    internal enum Reduction { Sum, Product, Max, Min }

    internal bool HoldsNumbers => DataType == typeof(double) || DataType == typeof(float) || DataType == typeof(int) || DataType == typeof(long);

    internal void AddOwner(DataFrameColumnCollection owner) => owners.Add(owner);

    internal void RemoveOwner(DataFrameColumnCollection owner) => owners.Remove(owner);

    internal abstract object? GetValue(long rowIndex);

    internal abstract void SetValue(long rowIndex, object? value);

    internal abstract void AppendValue(object? value);

    /// <summary>A column of the same type without values.</summary>
    internal abstract DataFrameColumn Empty(string name);

    internal virtual object? Reduce(Reduction reduction, IEnumerable<long> rows) => throw NoNumbers();

    internal double Mean(IEnumerable<long> rows) => Numbers(rows).DefaultIfEmpty(double.NaN).Average();

    /// <summary>A copy of the given rows in the given order; null gives a missing value.</summary>
    internal DataFrameColumn Take(IEnumerable<long?> rows)
    {
        var copy = Empty(Name);
        foreach (var row in rows) copy.AppendValue(row is { } index ? GetValue(index) : null);
        return copy;
    }

    /// <summary>The rows of each distinct value, in order of first occurrence; rows without a value belong to none.</summary>
    internal List<(object Key, List<long> Rows)> Groups()
    {
        var groups = new List<(object Key, List<long> Rows)>();
        var places = new Dictionary<object, int>();
        for (var row = 0L; row < Length; row++)
        {
            if (GetValue(row) is not { } key) continue;
            if (!places.TryGetValue(key, out var place))
            {
                places.Add(key, place = groups.Count);
                groups.Add((key, []));
            }
            groups[place].Rows.Add(row);
        }
        return groups;
    }

    /// <summary>Rows in order of value; equal values keep their order.</summary>
    internal IEnumerable<long> SortedRows(bool ascending, bool putNullValuesLast)
    {
        var missing = AllRows().Where(row => GetValue(row) is null);
        var present = AllRows().Where(row => GetValue(row) is not null);
        var order = Comparer<object?>.Create((one, two) => one is string a && two is string b ? string.CompareOrdinal(a, b) : Comparer.DefaultInvariant.Compare(one, two));
        var sorted = ascending ? present.OrderBy(GetValue, order) : present.OrderByDescending(GetValue, order);
        return putNullValuesLast ? sorted.Concat(missing) : missing.Concat(sorted);
    }

    internal IEnumerable<long> AllRows()
    {
        for (var row = 0L; row < Length; row++) yield return row;
    }

    private IEnumerable<double> Numbers(IEnumerable<long> rows)
    {
        if (!HoldsNumbers) throw NoNumbers();
        return rows.Select(GetValue).OfType<IConvertible>().Select(value => value.ToDouble(null));
    }

    private BooleanDataFrameColumn Compare<T>(T value, Func<int, bool> accepts)
    {
        var answers = new BooleanDataFrameColumn(Name);
        var whenMissing = value is null ? accepts(0) : accepts(-1) && accepts(1); // only "differs" accepts both orders
        foreach (var row in AllRows())
            answers.AppendValue(GetValue(row) is { } own ? value is null ? accepts(-1) && accepts(1) : accepts(Order(own, value)) : whenMissing);
        return answers;
    }

    private static int Order(object one, object two)
    {
        if (one is string a && two is string b) return string.CompareOrdinal(a, b);
        if (one.GetType() == two.GetType()) return Comparer.DefaultInvariant.Compare(one, two);
        if (one is string or bool || two is string or bool)
            throw new ArgumentException($"A column of {one.GetType().Name} cannot be compared with a {two.GetType().Name}.");
        return Convert.ToDouble(one, null).CompareTo(Convert.ToDouble(two, null));
    }

    private NotSupportedException NoNumbers() => new($"Column '{Name}' holds {DataType.Name}, not numbers.");
}
