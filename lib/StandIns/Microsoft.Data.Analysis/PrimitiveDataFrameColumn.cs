using System.Numerics;

namespace Microsoft.Data.Analysis;

/// <summary>A column of numbers, truth values or times.</summary>
/// <typeparam name="T">Type of the values.</typeparam>
public class PrimitiveDataFrameColumn<T> : DataFrameColumn, IEnumerable<T?> where T : unmanaged
{
    private readonly List<T?> values = [];

    /// <summary>A column of the given values, some of which may be missing.</summary>
    public PrimitiveDataFrameColumn(string name, IEnumerable<T?> values) : base(name, typeof(T)) => this.values.AddRange(values);

    /// <summary>A column of the given values.</summary>
    public PrimitiveDataFrameColumn(string name, IEnumerable<T> values) : this(name, values.Select(value => (T?)value)) { }

    /// <summary>A column of <paramref name="length"/> missing values.</summary>
    public PrimitiveDataFrameColumn(string name, long length = 0) : this(name, Enumerable.Repeat((T?)null, checked((int)length))) { }

    /// <inheritdoc/>
    public override long Length => values.Count;

    /// <inheritdoc/>
    public override long NullCount => values.Count(value => value is null);

    /// <summary>The value of a row, null where it is missing.</summary>
    public new T? this[long rowIndex]
    {
        get => values[checked((int)rowIndex)];
        set => values[checked((int)rowIndex)] = value;
    }

    /// <summary>Goes through the values.</summary>
    public IEnumerator<T?> GetEnumerator() => values.GetEnumerator();

    internal override object? GetValue(long rowIndex) => this[rowIndex];

    internal override void SetValue(long rowIndex, object? value) => this[rowIndex] = Own(value);

    internal override void AppendValue(object? value) => values.Add(Own(value));

    internal override DataFrameColumn Empty(string name) => new PrimitiveDataFrameColumn<T>(name);

    internal override object? Reduce(Reduction reduction, IEnumerable<long> rows) => this switch
    {
        PrimitiveDataFrameColumn<double> column => Fold(column, reduction, rows),
        PrimitiveDataFrameColumn<float> column => Fold(column, reduction, rows),
        PrimitiveDataFrameColumn<int> column => Fold(column, reduction, rows),
        PrimitiveDataFrameColumn<long> column => Fold(column, reduction, rows),
        _ => base.Reduce(reduction, rows),
    };

    private static object? Fold<TNumber>(PrimitiveDataFrameColumn<TNumber> column, Reduction reduction, IEnumerable<long> rows) where TNumber : unmanaged, INumber<TNumber>
    {
        TNumber? result = null;
        foreach (var row in rows)
        {
            if (column[row] is not { } value) continue;
            result = result is not { } sofar ? value : reduction switch
            {
                Reduction.Sum => checked(sofar + value),
                Reduction.Product => checked(sofar * value),
                Reduction.Max => TNumber.Max(sofar, value),
                _ => TNumber.Min(sofar, value),
            };
        }
        return result;
    }

    private T? Own(object? value) => value switch
    {
        null => null,
        T own => own,
        _ => throw new ArgumentException($"Column '{Name}' holds {DataType.Name}, not {value.GetType().Name}.", nameof(value)),
    };
}
