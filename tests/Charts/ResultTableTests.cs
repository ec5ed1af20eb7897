using System.Globalization;
using System.Xml.Linq;
using HeadKvLab.Charts;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Tests.Charts;

public sealed class ResultTableTests
{
    private static readonly DataFrame Frame = new(
        new StringDataFrameColumn("method", ["FullKV", "SnapKV", "HeadKV <R2>"]),
        new DoubleDataFrameColumn("budget", [1, 0.03, 0.03]),
        new DoubleDataFrameColumn("score", [0.98, 0.5, 0.617]),
        new DoubleDataFrameColumn("low", [0.95, 0.4, 0.55]),
        new DoubleDataFrameColumn("high", [1, 0.6, 0.69]),
        new Int64DataFrameColumn("bytes", [1234567, 37037, null]));

    private static ResultTable Table() => new ResultTable(Frame, "Scores & bytes")
        .Percent("budget").Interval("score", "low", "high", heading: "Exact match").Best("score", leaveOut: "FullKV").Best("bytes", highest: false);

    private static XElement Parse(ResultTable table)
    {
        var html = table.ToHtml();
        var from = html.IndexOf("<table", StringComparison.Ordinal);
        return XElement.Parse(html[from..(html.IndexOf("</table>", StringComparison.Ordinal) + 8)].Replace(" data-number ", " data-number=\"\" "));
    }

    [Fact]
    public void Plain_text_aligns_numbers_and_marks_the_best() => Assert.Equal("""
        Scores & bytes
        method       budget         Exact match      bytes
        -----------  ------  ------------------  ---------
        FullKV        100 %   0.98 [0.95, 1.00]  1,234,567
        SnapKV          3 %   0.50 [0.40, 0.60]    37,037*
        HeadKV <R2>     3 %  0.62* [0.55, 0.69]          –
        * the highest Exact match, FullKV aside; the lowest bytes; equal values are all marked

        """.ReplaceLineEndings("\n"), Table().ToString());

    [Fact]
    public void Markdown_marks_the_best_in_bold_and_escapes_what_would_be_markup()
    {
        var lines = Table().ToMarkdown().Split('\n');
        Assert.Equal("| method | budget | Exact match | bytes |", lines[2]);
        Assert.Equal("|:--|--:|--:|--:|", lines[3]);
        Assert.Equal("| HeadKV &lt;R2> | 3 % | **0.62** [0.55, 0.69] | – |", lines[6]);
        var frame = new DataFrame(new StringDataFrameColumn("a|b", ["x|y\nz"]));
        Assert.Contains(@"| x\|y z |", new ResultTable(frame).ToMarkdown());
    }

    [Fact]
    public void Html_holds_sort_keys_alignment_and_the_mark_of_the_best()
    {
        var rows = Parse(Table()).Descendants("tr").Skip(1).Select(row => row.Elements("td").ToArray()).ToArray();
        Assert.Equal("HeadKV <R2>", rows[2][0].Value);
        Assert.Equal("0.617", (string?)rows[2][2].Attribute("data-key"));
        Assert.Equal("text-align:right", (string?)rows[2][2].Attribute("style"));
        Assert.Equal("0.62", rows[2][2].Element("b")!.Value);
        Assert.Equal("[0.55, 0.69]", rows[2][2].Element("small")!.Value);
        Assert.Null(rows[0][2].Element("b"));
        Assert.Equal("37,037", rows[1][3].Element("b")!.Value);
        Assert.Equal("", (string?)rows[2][3].Attribute("data-key"));
    }

    [Fact]
    public void Below_the_table_stands_what_the_mark_means_and_every_remark()
    {
        var table = Table().Remark("a < b");
        Assert.Equal("Bold: the highest Exact match, FullKV aside; the lowest bytes; equal values are all marked.a < b", Parse(table).Element("tfoot")!.Value);
        Assert.EndsWith("\n\n**Bold**: the highest Exact match, FullKV aside; the lowest bytes; equal values are all marked.\n\na < b\n", table.ToMarkdown());
        Assert.Null(Parse(table.Hide("bytes", "score")).Element("tfoot")!.Element("tr")!.Descendants("b").FirstOrDefault());
        Assert.Null(Parse(new ResultTable(Frame)).Element("tfoot"));
        Assert.Contains("the highest score for each share", new ResultTable(Frame).Best("score", within: "budget").Heading("budget", "share").ToString());
    }

    [Fact]
    public void Nothing_in_a_frame_can_become_markup()
    {
        const string evil = "</td><script>alert(1)</script>\"'&";
        var html = new ResultTable(new DataFrame(new StringDataFrameColumn(evil, [evil])), evil).ToHtml();
        Assert.DoesNotContain("<script>alert", html);
        Assert.Equal(3, html.Split("&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;").Length - 1);
    }

    [Fact]
    public void The_best_is_found_in_each_group_and_ties_are_all_marked()
    {
        var frame = new DataFrame(new StringDataFrameColumn("task", ["a", "a", "b", "b"]), new DoubleDataFrameColumn("score", [1, 2, 5, 5]));
        Assert.Equal([false, true, true, true], Parse(new ResultTable(frame).Best("score", within: "task")).Element("tbody")!.Elements("tr").Select(row => row.Descendants("b").Any()));
    }

    /// <summary>A reader sees equal numbers where the values differ beyond the digits shown, and where sums of the same counts were added up in another order.</summary>
    [Fact]
    public void What_reads_as_equal_is_marked_alike()
    {
        var frame = new DataFrame(new DoubleDataFrameColumn("score", [0.617, 0.1 + 0.2 + 0.316, 0.6151, 0.614]));
        bool[] Marked(ResultTable table) => [.. Parse(table).Element("tbody")!.Elements("tr").Select(row => row.Descendants("b").Any())];
        Assert.Equal([true, true, true, false], Marked(new ResultTable(frame).Best("score").Number("score", 2)));     // whatever the order of the calls
        Assert.Equal([true, true, true, false], Marked(new ResultTable(frame).Number("score", 2).Best("score")));
        Assert.Equal([true, false, false, false], Marked(new ResultTable(frame).Number("score", 3).Best("score")));
        Assert.Equal([true, true], Marked(new ResultTable(new DataFrame(new DoubleDataFrameColumn("score", [0.1 + 0.2, 0.3]))).Best("score")));
    }

    [Fact]
    public void Numbers_read_the_same_in_every_culture()
    {
        var expected = Table().ToHtml();
        var before = CultureInfo.CurrentCulture;
        try
        {
            var commas = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (commas.NumberFormat.NumberDecimalSeparator, commas.NumberFormat.NumberGroupSeparator) = (",", ".");
            CultureInfo.CurrentCulture = commas;
            Assert.Equal(expected, Table().ToHtml());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void The_frame_is_saved_with_every_letter_and_digit()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("tables").FullName, "new", "β.csv");
        new ResultTable(new DataFrame(new StringDataFrameColumn("name", ["β = 1.005"]), new DoubleDataFrameColumn("x", [1.0 / 3]))).SaveCsv(path);
        Assert.Equal(["name,x", "β = 1.005,0.33333333333333331"], File.ReadAllLines(path));
    }

    [Fact]
    public void An_empty_frame_and_an_unknown_column()
    {
        Assert.Contains("<tbody>", new ResultTable(new DataFrame(new DoubleDataFrameColumn("x"))).Best("x").ToHtml());
        Assert.Contains("'method'", Assert.Throws<ArgumentException>(() => Table().Hide("methods")).Message);
    }

    [Fact]
    public void A_csv_keeps_what_the_package_must_quote_and_what_is_missing()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            new ResultTable(new DataFrame(new StringDataFrameColumn("a, b", ["HeadKV-R2, β 2", "said \"no\"", " kept "]), new DoubleDataFrameColumn("x", [0.5, double.NaN, 1e-7]))).SaveCsv(path);
            Assert.Equal("\"a, b\",x\n\"HeadKV-R2, β 2\",0.5\n\"said \"\"no\"\"\",NaN\n kept ,9.9999999999999995E-08\n", File.ReadAllText(path).ReplaceLineEndings("\n"));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
