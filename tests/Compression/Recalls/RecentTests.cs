using HeadKvLab.Compression.Recalls;

namespace HeadKvLab.Tests.Compression.Recalls;

public sealed class RecentTests
{
    /// <summary>Two heads of 9 and 3 entries, 4 read: the last four of one, all of the other; both query heads of each the same.</summary>
    [Fact]
    public void It_reads_the_latest_entries()
    {
        using var cache = SomeEntries.Store(new Recent(4, 0), SomeEntries.Random(9, 16, 1), SomeEntries.Random(3, 16, 2));
        Assert.Equal([[5, 6, 7, 8], [5, 6, 7, 8], [0, 1, 2], [0, 1, 2]], SomeEntries.Read(cache, [.. SomeEntries.Random(4, 16, 3).SelectMany(row => row)]));
        SomeEntries.Append(cache, new float[16]);
        Assert.Equal([6, 7, 8, 9], SomeEntries.Read(cache, [.. SomeEntries.Random(4, 16, 3).SelectMany(row => row)])[0]);
        Assert.Equal(0, cache.RecallBytes);
    }

    [Fact]
    public void A_window_bounds_it()
    {
        using var cache = SomeEntries.Store(new Recent(4, 0), SomeEntries.Random(9, 16, 1));
        Assert.Equal([[7, 8]], SomeEntries.Read(cache, SomeEntries.Random(1, 16, 3)[0], sliding: 2));
    }
}
