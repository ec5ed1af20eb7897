namespace Microsoft.Data.Analysis;

/// <summary>A column of numbers of double precision.</summary>
public class DoubleDataFrameColumn : PrimitiveDataFrameColumn<double>
{
    /// <summary>A column of the given values, some of which may be missing.</summary>
    public DoubleDataFrameColumn(string name, IEnumerable<double?> values) : base(name, values) { }

    /// <summary>A column of the given values.</summary>
    public DoubleDataFrameColumn(string name, IEnumerable<double> values) : base(name, values) { }

    /// <summary>A column of <paramref name="length"/> missing values.</summary>
    public DoubleDataFrameColumn(string name, long length = 0) : base(name, length) { }

    internal override DataFrameColumn Empty(string name) => new DoubleDataFrameColumn(name);
}

/// <summary>A column of numbers of single precision.</summary>
public class SingleDataFrameColumn : PrimitiveDataFrameColumn<float>
{
    /// <summary>A column of the given values, some of which may be missing.</summary>
    public SingleDataFrameColumn(string name, IEnumerable<float?> values) : base(name, values) { }

    /// <summary>A column of the given values.</summary>
    public SingleDataFrameColumn(string name, IEnumerable<float> values) : base(name, values) { }

    /// <summary>A column of <paramref name="length"/> missing values.</summary>
    public SingleDataFrameColumn(string name, long length = 0) : base(name, length) { }

    internal override DataFrameColumn Empty(string name) => new SingleDataFrameColumn(name);
}

/// <summary>A column of whole numbers of 32 bits.</summary>
public class Int32DataFrameColumn : PrimitiveDataFrameColumn<int>
{
    /// <summary>A column of the given values, some of which may be missing.</summary>
    public Int32DataFrameColumn(string name, IEnumerable<int?> values) : base(name, values) { }

    /// <summary>A column of the given values.</summary>
    public Int32DataFrameColumn(string name, IEnumerable<int> values) : base(name, values) { }

    /// <summary>A column of <paramref name="length"/> missing values.</summary>
    public Int32DataFrameColumn(string name, long length = 0) : base(name, length) { }

    internal override DataFrameColumn Empty(string name) => new Int32DataFrameColumn(name);
}

/// <summary>A column of whole numbers of 64 bits.</summary>
public class Int64DataFrameColumn : PrimitiveDataFrameColumn<long>
{
    /// <summary>A column of the given values, some of which may be missing.</summary>
    public Int64DataFrameColumn(string name, IEnumerable<long?> values) : base(name, values) { }

    /// <summary>A column of the given values.</summary>
    public Int64DataFrameColumn(string name, IEnumerable<long> values) : base(name, values) { }

    /// <summary>A column of <paramref name="length"/> missing values.</summary>
    public Int64DataFrameColumn(string name, long length = 0) : base(name, length) { }

    internal override DataFrameColumn Empty(string name) => new Int64DataFrameColumn(name);
}

/// <summary>A column of truth values.</summary>
public class BooleanDataFrameColumn : PrimitiveDataFrameColumn<bool>
{
    /// <summary>A column of the given values, some of which may be missing.</summary>
    public BooleanDataFrameColumn(string name, IEnumerable<bool?> values) : base(name, values) { }

    /// <summary>A column of the given values.</summary>
    public BooleanDataFrameColumn(string name, IEnumerable<bool> values) : base(name, values) { }

    /// <summary>A column of <paramref name="length"/> missing values.</summary>
    public BooleanDataFrameColumn(string name, long length = 0) : base(name, length) { }

    internal override DataFrameColumn Empty(string name) => new BooleanDataFrameColumn(name);
}

/// <summary>A column of times.</summary>
public class DateTimeDataFrameColumn : PrimitiveDataFrameColumn<DateTime>
{
    /// <summary>A column of the given values, some of which may be missing.</summary>
    public DateTimeDataFrameColumn(string name, IEnumerable<DateTime?> values) : base(name, values) { }

    /// <summary>A column of the given values.</summary>
    public DateTimeDataFrameColumn(string name, IEnumerable<DateTime> values) : base(name, values) { }

    /// <summary>A column of <paramref name="length"/> missing values.</summary>
    public DateTimeDataFrameColumn(string name, long length = 0) : base(name, length) { }

    internal override DataFrameColumn Empty(string name) => new DateTimeDataFrameColumn(name);
}
