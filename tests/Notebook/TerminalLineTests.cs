using HeadKvLab.Notebook.Headless;
using HeadKvLab.Notebook.Output;

namespace HeadKvLab.Tests.Notebook;

/// <summary>What is kept of lines that are written over.</summary>
public sealed class TerminalLineTests
{
    [Theory]
    [InlineData("loading 100 %\r7", "7oading 100 %"), InlineData("1 %\r20 %\r100 %", "100 %"), InlineData("done\r\nnext\r\n", "done\nnext\n"), InlineData("abc\r", "abc"), InlineData("abc\rx\ry", "ybc")]
    [InlineData("a\nlong line\rshort\nb", "a\nshortline\nb"), InlineData("abc\b\bX", "aXc"), InlineData("\babc", "abc"), InlineData("\r\r", ""), InlineData("plain", "plain")]
    [InlineData("50 %\u001b[K\r7\u001b[K", "7"), InlineData("\u001b[31mred\u001b[0m\rb", "b\u001b[31med\u001b[0m"), InlineData("abc\r\u001b[32mX", "\u001b[32mX\u001b[0mbc\u001b[32m")]
    [InlineData("漢字\rx", "x 字"), InlineData("abcd\r漢", "漢cd"), InlineData("a漢b\rxy", "xy b"), InlineData("e\u0301a\rx", "xa")]
    public void A_line_is_shown_as_terminals_show_it(string printed, string shown) => Assert.Equal(shown, TerminalLine.Show(printed));

    [Fact]
    public void Half_a_character_is_a_column() => Assert.Equal("xa", TerminalLine.Show("\ud800a\rx"));

    [Fact]
    public void A_cell_keeps_what_is_shown()
    {
        var cell = new HeadlessCell([]);
        cell.Write("stdout", "loading 100 %\r7");
        cell.Flush();
        Assert.Equal("7oading 100 %", (string?)cell.Outputs[0]!["text"]![0]);
    }
}
