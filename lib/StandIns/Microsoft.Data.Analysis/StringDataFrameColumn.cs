namespace Microsoft.Data.Analysis;

/// <summary>A column of texts.</summary>
public class StringDataFrameColumn : DataFrameColumn, IEnumerable<string?>
{
    private readonly List<string?> values = [];

    /// <summary>A column of the given texts.</summary>
    public StringDataFrameColumn(string name, IEnumerable<string?> values) : base(name, typeof(string)) => this.values.AddRange(values);

    /// <summary>A column of <paramref name="length"/> missing texts.</summary>
    public StringDataFrameColumn(string name, long length = 0) : this(name, Enumerable.Repeat((string?)null, checked((int)length))) { }

    /// <inheritdoc/>
    public override long Length => values.Count;

    /// <inheritdoc/>
    public override long NullCount => values.Count(value => value is null);

    /// <summary>The text of a row, null where it is missing.</summary>
    public new string? this[long rowIndex]
    {
        get => values[checked((int)rowIndex)];
        set => values[checked((int)rowIndex)] = value;
    }

    /// <summary>Goes through the texts.</summary>
    public IEnumerator<string?> GetEnumerator() => values.GetEnumerator();

    internal override object? GetValue(long rowIndex) => this[rowIndex];

    internal override void SetValue(long rowIndex, object? value) => this[rowIndex] = Own(value);

    internal override void AppendValue(object? value) => values.Add(Own(value));

    internal override DataFrameColumn Empty(string name) => new StringDataFrameColumn(name);

    private string? Own(object? value) => value is null or string
        ? (string?)value
        : throw new ArgumentException($"Column '{Name}' holds String, not {value.GetType().Name}.", nameof(value));
}
