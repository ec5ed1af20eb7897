using System.Globalization;
using System.Text;

namespace Microsoft.Data.Analysis;

public partial class DataFrame
{
    /// <summary>Reads a CSV file.</summary>
    /// <param name="filename">The file.</param>
    /// <param name="separator">What parts the fields.</param>
    /// <param name="header">Whether the first record names the columns.</param>
    /// <param name="columnNames">Names of the columns, instead of those in the file.</param>
    /// <param name="dataTypes">Types of the columns; by default guessed, where every number is taken for single precision.</param>
    /// <param name="numRows">How many rows to read, -1 for all.</param>
    /// <param name="guessRows">How many records to guess the types by.</param>
    /// <param name="addIndexColumn">Whether a first column <c>IndexColumn</c> numbers the rows.</param>
    /// <param name="encoding">Encoding of the file, UTF-8 by default.</param>
    /// <exception cref="FormatException">The file is empty, a record has too many fields, or a field does not fit its column.</exception>
    public static DataFrame LoadCsv(string filename, char separator = ',', bool header = true, string[]? columnNames = null, Type[]? dataTypes = null,
        int numRows = -1, int guessRows = 10, bool addIndexColumn = false, Encoding? encoding = null)
    {
        using var file = File.OpenRead(filename);
        return LoadCsv(file, separator, header, columnNames, dataTypes, numRows, guessRows, addIndexColumn, encoding);
    }

    /// <summary>Reads CSV from a stream.</summary>
    /// <exception cref="FormatException">The text is empty, a record has too many fields, or a field does not fit its column.</exception>
    public static DataFrame LoadCsv(Stream csvStream, char separator = ',', bool header = true, string[]? columnNames = null, Type[]? dataTypes = null,
        long numberOfRowsToRead = -1, int guessRows = 10, bool addIndexColumn = false, Encoding? encoding = null)
    {
        using var reader = new StreamReader(csvStream, encoding ?? Encoding.UTF8, detectEncodingFromByteOrderMarks: true, leaveOpen: true);
        return Load(reader, separator, header, columnNames, dataTypes, numberOfRowsToRead, guessRows, addIndexColumn);
    }

    /// <summary>Reads CSV from a text.</summary>
    /// <exception cref="FormatException">The text is empty, a record has too many fields, or a field does not fit its column.</exception>
    public static DataFrame LoadCsvFromString(string csvString, char separator = ',', bool header = true, string[]? columnNames = null, Type[]? dataTypes = null,
        long numberOfRowsToRead = -1, int guessRows = 10, bool addIndexColumn = false)
    {
        using var reader = new StringReader(csvString);
        return Load(reader, separator, header, columnNames, dataTypes, numberOfRowsToRead, guessRows, addIndexColumn);
    }

    /// <summary>Writes a table as CSV, numbers with all their digits, missing values as nothing.</summary>
    /// <param name="dataFrame">The table.</param>
    /// <param name="path">The file.</param>
    /// <param name="separator">What parts the fields.</param>
    /// <param name="header">Whether the first record names the columns.</param>
    /// <param name="encoding">Encoding of the file, UTF-8 by default.</param>
    /// <param name="cultureInfo">How numbers are spelled; the current culture by default.</param>
    public static void SaveCsv(DataFrame dataFrame, string path, char separator = ',', bool header = true, Encoding? encoding = null, CultureInfo? cultureInfo = null)
    {
        using var file = File.Create(path);
        SaveCsv(dataFrame, file, separator, header, encoding, cultureInfo);
    }

    /// <summary>Writes a table as CSV to a stream, which stays open.</summary>
    public static void SaveCsv(DataFrame dataFrame, Stream csvStream, char separator = ',', bool header = true, Encoding? encoding = null, CultureInfo? cultureInfo = null)
    {
        using var writer = new StreamWriter(csvStream, encoding ?? new UTF8Encoding(false), leaveOpen: true);
        var culture = cultureInfo ?? CultureInfo.CurrentCulture;
        if (header) writer.WriteLine(string.Join(separator, dataFrame.Columns.Select(column => CsvText.Quoted(column.Name, separator))));
        foreach (var row in dataFrame.Rows)
            writer.WriteLine(string.Join(separator, row.Select(value => CsvText.Quoted(Spelled(value, culture), separator))));
    }

    private static DataFrame Load(TextReader text, char separator, bool header, string[]? columnNames, Type[]? dataTypes, long rowsToRead, int guessRows, bool addIndexColumn)
    {
        var records = CsvText.Records(text, separator).ToList();
        if (records.Count == 0) throw new FormatException("The CSV text is empty.");
        var names = columnNames ?? (header ? records[0] : []);
        if (header) records.RemoveAt(0);
        if (rowsToRead >= 0 && records.Count > rowsToRead) records.RemoveRange((int)rowsToRead, records.Count - (int)rowsToRead);
        var guide = records.Take(guessRows).ToArray();
        var count = dataTypes?.Length ?? Math.Max(names.Length, guide.Select(record => record.Length).DefaultIfEmpty(0).Max());
        var frame = new DataFrame(Enumerable.Range(0, count).Select(index =>
            NewColumn(index < names.Length && names[index].Length > 0 ? names[index] : "Column" + index.ToString(CultureInfo.InvariantCulture), dataTypes is null ? Guess(index, guide) : dataTypes[index])));
        foreach (var record in records)
        {
            if (record.Length > count) throw new FormatException($"A record has {record.Length} fields, the table {count} columns: {string.Join(separator, record)}");
            frame.Append(record, inPlace: true);
        }
        if (addIndexColumn) frame.Columns.Insert(0, new Int32DataFrameColumn("IndexColumn", Enumerable.Range(0, (int)frame.Rows.Count)));
        return frame;
    }

    private static DataFrameColumn NewColumn(string name, Type type) =>
        type == typeof(string) ? new StringDataFrameColumn(name)
        : type == typeof(double) ? new DoubleDataFrameColumn(name)
        : type == typeof(float) ? new SingleDataFrameColumn(name)
        : type == typeof(int) ? new Int32DataFrameColumn(name)
        : type == typeof(long) ? new Int64DataFrameColumn(name)
        : type == typeof(bool) ? new BooleanDataFrameColumn(name)
        : type == typeof(DateTime) ? new DateTimeDataFrameColumn(name)
        : throw new NotSupportedException($"Column '{name}': tables hold string, double, float, int, long, bool and DateTime, not {type.Name}.");

    private static Type Guess(int index, IReadOnlyList<string[]> records)
    {
        var fields = records.Where(record => index < record.Length).Select(record => record[index]).Where(field => field.Length > 0 && !field.Equals("null", StringComparison.OrdinalIgnoreCase)).ToArray();
        if (fields.Length == 0) return typeof(string);
        if (fields.All(field => bool.TryParse(field, out _))) return typeof(bool);
        if (fields.All(field => float.TryParse(field, NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.CurrentCulture, out _))) return typeof(float);
        return fields.All(field => DateTime.TryParse(field, CultureInfo.CurrentCulture, out _)) ? typeof(DateTime) : typeof(string);
    }

    private static string Spelled(object? value, CultureInfo culture) => value switch
    {
        null => "",
        double number => number.ToString("G17", culture),
        float number => number.ToString("G9", culture),
        _ => Convert.ToString(value, culture) ?? "",
    };
}
