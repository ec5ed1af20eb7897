using System.Globalization;

namespace Microsoft.Data.Analysis;

public partial class DataFrame
{
    /// <summary>Adds a row at the end.</summary>
    /// <param name="row">Values in order of column, converted to the columns' types; those left out, and empty texts for columns of other types, are missing.</param>
    /// <param name="inPlace">Whether this table itself grows, else a copy.</param>
    /// <param name="cultureInfo">How texts spell numbers; the current culture by default.</param>
    /// <exception cref="ArgumentException">There are more values than columns.</exception>
    /// <exception cref="FormatException">A text does not spell a value of its column.</exception>
    public DataFrame Append(IEnumerable<object?>? row = null, bool inPlace = false, CultureInfo? cultureInfo = null)
    {
        var values = (row ?? []).ToArray();
        if (values.Length > Columns.Count) throw new ArgumentException($"The row has {values.Length} values, the table {Columns.Count} columns.", nameof(row));
        var target = inPlace ? this : Clone();
        var converted = target.Columns.Select((column, index) => Converted(index < values.Length ? values[index] : null, column, cultureInfo)).ToArray();
        for (var index = 0; index < converted.Length; index++) target.Columns[index].AppendValue(converted[index]);
        return target;
    }

    /// <summary>Adds a row at the end, its values named by column; columns that are not named are missing.</summary>
    /// <exception cref="ArgumentException">A name is not that of a column.</exception>
    public DataFrame Append(IEnumerable<KeyValuePair<string, object?>> row, bool inPlace = false, CultureInfo? cultureInfo = null)
    {
        var values = new object?[Columns.Count];
        foreach (var (name, value) in row) values[Columns.IndexOf(Columns[name])] = value;
        return Append(values, inPlace, cultureInfo);
    }

    /// <summary>Adds rows at the end, as those of another table of the same columns.</summary>
    public DataFrame Append(IEnumerable<DataFrameRow> rows, bool inPlace = false, CultureInfo? cultureInfo = null)
    {
        var target = inPlace ? this : Clone();
        foreach (var row in rows.ToArray()) target.Append((IEnumerable<object?>)row, inPlace: true, cultureInfo);
        return target;
    }

    private static object? Converted(object? value, DataFrameColumn column, CultureInfo? culture)
    {
        if (value is string text)
        {
            if (text.Length == 0 && column.DataType != typeof(string)) return null;
            if (text.Equals("null", StringComparison.OrdinalIgnoreCase)) return null;
        }
        try
        {
            return value is null ? null : Convert.ChangeType(value, column.DataType, culture ?? CultureInfo.CurrentCulture);
        }
        catch (Exception error) when (error is FormatException or InvalidCastException or OverflowException)
        {
            throw new FormatException($"Column '{column.Name}' holds {column.DataType.Name}; '{value}' is none.", error);
        }
    }
}
