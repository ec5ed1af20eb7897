using HeadKvLab.Cli;

namespace HeadKvLab.Tests.House;

/// <summary>Command lines that cannot be understood end with 2, and say what was wrong and which page to read, without printing that page.</summary>
public class UsageTests
{
    [Theory]
    [InlineData("'--bogus'", "`lab generate --help`", "generate", "--model", "x", "--prompt", "a", "--bogus")]
    [InlineData("'int4'", "`lab generate --help`", "generate", "--model", "x", "--prompt", "a", "--decode-weights", "int4")]
    [InlineData("'--model' is required", "`lab generate --help`", "generate")]
    [InlineData("'frobnicate'", "`lab --help`", "frobnicate")]
    [InlineData("'decoed'", "`lab bench --help`", "bench", "decoed")]
    [InlineData("'many'", "`lab bench ragged --help`", "bench", "ragged", "--repetitions", "many")]
    public void WhatCannotBeUnderstoodIsSaid(string wrong, string page, params string[] arguments)
    {
        var error = new StringWriter();
        Assert.Equal(2, Program.Run(arguments, error));
        Assert.Contains(wrong, error.ToString());
        Assert.Contains($"See {page}.", error.ToString());
    }

    [Fact]
    public void PagesThemselvesAreNoFailure()
    {
        Assert.Equal(0, Program.Run(["bench", "--help"], TextWriter.Null));
        Assert.Equal(0, Program.Run(["--version"], TextWriter.Null));
    }
}
