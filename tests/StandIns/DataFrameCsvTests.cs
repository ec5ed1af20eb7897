using System.Text;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Tests.StandIns;

public sealed class DataFrameCsvTests
{
    private static string Written(DataFrame frame)
    {
        using var stream = new MemoryStream();
        DataFrame.SaveCsv(frame, stream);
        return Encoding.UTF8.GetString(stream.ToArray()).ReplaceLineEndings("\n");
    }

    [Fact]
    public void Quotes_separators_and_line_breaks_survive_a_round_trip()
    {
        string[] texts = ["plain", "a,b", "say \"hi\"", "two\nlines", " \"quoted, both\"\r\n", "ünï©ode 🎈"];
        var frame = new DataFrame(
            new StringDataFrameColumn("a, \"name\"", texts),
            new DoubleDataFrameColumn("x", [0.1, 1.0 / 3, -1e-300, double.MaxValue, null, 12345678.9]),
            new SingleDataFrameColumn("f", [0.1f, 1 / 3f, null, float.MaxValue, 0, -1]),
            new Int64DataFrameColumn("n", [1, long.MaxValue, null, -5, 0, 7]),
            new BooleanDataFrameColumn("b", [true, false, null, true, false, true]));
        using var stream = new MemoryStream();
        DataFrame.SaveCsv(frame, stream);
        stream.Position = 0;
        var read = DataFrame.LoadCsv(stream, dataTypes: [typeof(string), typeof(double), typeof(float), typeof(long), typeof(bool)]);
        Assert.Equal(frame.Columns.Select(column => column.Name), read.Columns.Select(column => column.Name));
        for (var row = 0; row < texts.Length; row++)
            Assert.Equal(frame.Rows[row].ToArray(), read.Rows[row].ToArray());
    }

    [Fact]
    public void What_is_written_is_plain_csv() => Assert.Equal("method,score\nSnapKV,0.5\n\"a,b\",\n",
        Written(new DataFrame(new StringDataFrameColumn("method", ["SnapKV", "a,b"]), new DoubleDataFrameColumn("score", [0.5, null]))));

    [Fact]
    public void Types_are_guessed_and_numbers_taken_for_single_precision()
    {
        var frame = DataFrame.LoadCsvFromString("a,b,c\n1,true,x\n2.5,false,3\n");
        Assert.Equal([typeof(float), typeof(bool), typeof(string)], frame.Columns.Select(column => column.DataType));
        Assert.Equal(2.5f, frame["a"][1]);
    }

    [Fact]
    public void Headings_may_be_absent_or_replaced_and_rows_counted()
    {
        Assert.Equal("Column1", DataFrame.LoadCsvFromString("1,2\n3,4\n", header: false).Columns[1].Name);
        Assert.Equal("y", DataFrame.LoadCsvFromString("1;2\n3;4\n", separator: ';', header: false, columnNames: ["x", "y"]).Columns[1].Name);
        var counted = DataFrame.LoadCsvFromString("x\n1\n2\n3\n", numberOfRowsToRead: 2, addIndexColumn: true);
        Assert.Equal(2, counted.Rows.Count);
        Assert.Equal(1, counted["IndexColumn"][1]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a,b\n1,2,3\n")]
    [InlineData("a\n\"open\n")]
    public void Broken_files_are_refused(string csv) => Assert.Throws<FormatException>(() => DataFrame.LoadCsvFromString(csv, dataTypes: csv.Contains(',') ? [typeof(float), typeof(float)] : null));

    [Fact]
    public void A_field_that_does_not_fit_its_column_is_named() =>
        Assert.Contains("'b'", Assert.Throws<FormatException>(() => DataFrame.LoadCsvFromString("a,b\n1,many\n", dataTypes: [typeof(int), typeof(int)])).Message);
}
