using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Tests;

/// <summary>What values of enums are called in files and options.</summary>
public sealed class NamesTests
{
    /// <summary>Files hold these names: none may change.</summary>
    [Fact]
    public void FilesAndOptionsCallThemSo()
    {
        Assert.Equal(["as-published", "equal-entries", "equal-bytes"], Names<BudgetRule>.All);
        Assert.Equal(["kv-head", "query-head"], Names<Granularity>.All);
        Assert.Equal(["max", "avg"], Names<PoolingKind>.All);
        Assert.Equal(["mean", "max", "sum"], Names<GroupReduction>.All);
        Assert.Equal(["recompute-last", "full-first"], Names<FirstToken>.All);
        Assert.Equal(["float32", "bfloat16", "float16", "int8"], Names<NumberFormat>.All);
        Assert.Equal(["as-loaded", "exact", "int8"], Names<DecodePrecision>.All);
        Assert.Equal(["clean", "reference"], Names<HaystackProtocol>.All);
        Assert.Equal(["paper", "code"], Names<ScoreForm>.All);
        Assert.Equal(["train", "validation", "test", "needles"], Names<WorldSplit>.All);
    }

    [Fact]
    public void AliasesAreReadAndNotWritten()
    {
        Assert.Equal(PoolingKind.Average, Names<PoolingKind>.Parse("average", "pooling"));
        Assert.Equal("avg", Names<PoolingKind>.Of(PoolingKind.Average));
    }

    [Fact]
    public void SeveralNamesReadAsAList()
    {
        Assert.Equal("kv-head or query-head", Names<Granularity>.InWords());
        Assert.Equal("max", Names<PoolingKind>.InWords(PoolingKind.Max));
    }

    [Fact]
    public void WhatIsReadIsWhatIsWritten()
    {
        foreach (var rule in Enum.GetValues<BudgetRule>()) Assert.Equal(rule, Names<BudgetRule>.Parse(Names<BudgetRule>.Of(rule), "rule"));
    }

    [Theory]
    [InlineData("fair"), InlineData("EqualBytes"), InlineData("1"), InlineData(""), InlineData(null)]
    public void WhatIsUnknownIsRefusedWithWhatIsKnown(string? name) =>
        Assert.Equal($"--budget-rule '{name}' is unknown: use as-published, equal-entries or equal-bytes", Assert.Throws<LabException>(() => Names<BudgetRule>.Parse(name, "--budget-rule")).Message);

    [Fact]
    public void AValueThatIsNotAllowedHereIsRefusedToo() =>
        Assert.Equal("granularity 'kv-head' is unknown: use query-head", Assert.Throws<LabException>(() => Names<Granularity>.Parse("kv-head", "granularity", Granularity.QueryHead)).Message);
}
