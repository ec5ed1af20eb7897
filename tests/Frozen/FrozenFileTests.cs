namespace HeadKvLab.Tests.Frozen;

public sealed class FrozenFileTests
{
    private static readonly (string, string)[] Frozen = [("SnapKV a", "1"), ("SnapKV b", "2"), ("TOVA a", "3")];

    [Fact]
    public void The_first_difference_is_named()
    {
        Assert.Null(FrozenFile.Difference(Frozen, [("TOVA a", "3"), ("SnapKV b", "2"), ("SnapKV a", "1")]));
        Assert.Equal("line 2, 'SnapKV b'\n  was 2\n  is  5", FrozenFile.Difference(Frozen, [("SnapKV a", "1"), ("SnapKV b", "5"), ("TOVA a", "6")])?.ReplaceLineEndings("\n"));
        Assert.Equal("line 3, 'TOVA a' is gone", FrozenFile.Difference(Frozen, [("SnapKV a", "1"), ("SnapKV b", "2")]));
    }

    [Fact]
    public void A_new_method_may_be_missing_a_new_case_of_an_old_one_not()
    {
        Assert.Null(FrozenFile.Difference(Frozen, [.. Frozen, ("New a", "4")]));
        Assert.Equal("'TOVA b' is not in it", FrozenFile.Difference(Frozen, [.. Frozen, ("TOVA b", "4")]));
    }
}
