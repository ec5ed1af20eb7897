using HeadKvLab.Compression;

namespace HeadKvLab.Tests;

/// <summary>What values of enums are called in files and options.</summary>
public sealed class NamesTests
{
    [Fact]
    public void NamesAreIdentifiersInKebabCase()
    {
        Assert.Equal(["as-published", "equal-entries", "equal-bytes"], Names<BudgetRule>.All);
        Assert.Equal("kv-head", Names<Granularity>.Of(Granularity.KvHead));
        Assert.Equal("kv-head or query-head", Names<Granularity>.InWords());
    }

    [Fact]
    public void WhatIsReadIsWhatIsWritten()
    {
        foreach (var rule in Enum.GetValues<BudgetRule>()) Assert.Equal(rule, Names<BudgetRule>.Parse(Names<BudgetRule>.Of(rule), "rule"));
    }

    [Theory]
    [InlineData("fair"), InlineData("EqualBytes"), InlineData("1"), InlineData(""), InlineData(null)]
    public void WhatIsUnknownIsRefusedWithWhatIsKnown(string? name) =>
        Assert.Equal($"--discipline '{name}' is unknown: use as-published, equal-entries or equal-bytes", Assert.Throws<LabException>(() => Names<BudgetRule>.Parse(name, "--discipline")).Message);

    [Fact]
    public void AValueThatIsNotAllowedHereIsRefusedToo() =>
        Assert.Equal("granularity 'kv-head' is unknown: use query-head", Assert.Throws<LabException>(() => Names<Granularity>.Parse("kv-head", "granularity", Granularity.QueryHead)).Message);
}
