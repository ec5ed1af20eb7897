using System.Globalization;
using HeadKvLab.Tables;

namespace HeadKvLab.Tests.Tables;

/// <summary>One table in its four forms; what marks, captions and sort keys become is tested with the tables of data frames.</summary>
public sealed class TableTests
{
    private sealed record Run(string Method, double Time, int? Entries);

    private static readonly Table Runs = Table.Of("", [new Run("SnapKV", 1234.5, 64), new Run("a,\"b\"\n|c", double.NaN, null)],
        ("method", r => r.Method), (new("time") { Unit = "ms", Format = "#,0.00", Align = Alignment.Right, Missing = "–" }, r => r.Time), ("entries", r => r.Entries));

    [Fact]
    public void Text_is_aligned_and_every_row_is_one_line() => Assert.Equal("""
        method    time, ms  entries
        --------  --------  -------
        SnapKV    1,234.50  64
        a,"b" |c         –

        """.ReplaceLineEndings("\n"), Runs.ToText());

    [Fact]
    public void Markdown_escapes_and_says_how_columns_stand() =>
        Assert.Equal("| method | time, ms | entries |\n|---|--:|---|\n| SnapKV | 1,234.50 | 64 |\n| a,\"b\" \\|c | – |  |\n", Runs.ToMarkdown());

    [Fact]
    public void Csv_quotes_what_would_break_a_line() =>
        Assert.Equal("method,\"time, ms\",entries\nSnapKV,\"1,234.50\",64\n\"a,\"\"b\"\"\n|c\",–,\n", Runs.ToCsv());

    [Fact]
    public void Facts_have_no_heading() => Assert.Equal("layers   4\ncontext  8,192 tokens\n", Table.Facts(("layers", "4"), ("context", "8,192 tokens")).ToText());

    [Fact]
    public void Html_sorts_numbers_by_their_keys()
    {
        var html = Table.Of("", [3.0], (new("x") { Align = Alignment.Right }, x => new Cell("three") { Key = x })).ToHtml();
        Assert.Contains("<th scope=\"col\" data-number align=\"right\" style=\"text-align:right\">x</th>", html);
        Assert.Contains("<td data-key=\"3\" align=\"right\" style=\"text-align:right\">three</td>", html);
    }

    [Fact]
    public void Values_read_the_same_in_every_culture()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            var commas = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (commas.NumberFormat.NumberDecimalSeparator, commas.NumberFormat.NumberGroupSeparator) = (",", ".");
            CultureInfo.CurrentCulture = commas;
            Assert.Equal("x\n0.5\n", Table.Of("", [0.5], ("x", x => x)).ToCsv());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
