using HeadKvLab.Cache;
using HeadKvLab.Compression.Recalls;

namespace HeadKvLab.Tests.Compression.Recalls;

public sealed class NearTierTests
{
    /// <summary>{1,2}, {2,3}, {1,3}: with one step remembered 2 of {2,3} is near, and 3 of {1,3}; with two both of {1,3}.</summary>
    [Fact]
    public void Hits_by_hand()
    {
        var tier = new NearTier();
        Assert.Null(tier.HitRate(1));
        foreach (var units in new int[][] { [1, 2], [2, 3], [1, 3] })
        {
            tier.Step(0);
            foreach (var unit in units) tier.Choose(0, unit, 10);
        }
        Assert.Equal([2, 3, 3], NearTier.Remembered.Select(tier.Hits));
        Assert.Equal(4, tier.Chosen);
        Assert.Equal([0.5, 0.75, 0.75], NearTier.Remembered.Select(tier.HitRate));
        Assert.Equal([40, 30, 30], NearTier.Remembered.Select(tier.Fetched));
        Assert.Throws<ArgumentOutOfRangeException>(() => tier.Hits(3));
    }

    [Fact]
    public void Forgotten_units_are_fetched_again_and_other_heads_remember()
    {
        var tier = new NearTier();
        for (var step = 0; step < 2; step++)
        {
            if (step == 1) tier.Forget(0, 1, 5);
            for (var q = 0; q < 2; q++)
            {
                tier.Step(q);
                foreach (var unit in new[] { 4, 5, 700 }) tier.Choose(q, unit, 1);
            }
        }
        Assert.Equal((6, 4), (tier.Chosen, tier.Hits(1)));
        Assert.Equal(6 + 2, tier.Fetched(1));
    }

    /// <summary>Pages and clusters that are cut off are fetched again when entries take their place, by every query head of every head; until then the same query fetches nothing.</summary>
    [Fact]
    public void What_is_cut_off_is_no_longer_near()
    {
        var (rows, queries) = (SomeEntries.Random(60, 16, 1), SomeEntries.Random(4, 16, 2).SelectMany(row => row).ToArray());
        foreach (var recall in new IRecall[] { new Quest(24, 4, 0), new ClusterKv(20, 4, 0, 320, 0) })
        {
            using var cache = SomeEntries.Store(recall, rows, rows);
            SomeEntries.Attend(cache, queries);
            Assert.Null(cache.HitRate(1));   // the first step of each of four query heads
            var first = cache.FetchedBytes(4);
            Assert.Equal(4 * 20 * cache.Shape.EntryBytes, first);
            SomeEntries.Attend(cache, queries);
            Assert.Equal(first, cache.FetchedBytes(4));
            cache.Truncate(3);
            foreach (var row in rows[3..]) SomeEntries.Append(cache, row);
            SomeEntries.Attend(cache, queries);
            Assert.Equal(2 * first, cache.FetchedBytes(4));
        }
    }

    /// <summary>The same query again finds all its pages and clusters near; nothing is told before the second step.</summary>
    [Fact]
    public void Recalls_tell_what_they_choose()
    {
        var query = SomeEntries.Random(1, 16, 2)[0];
        foreach (var recall in new IRecall[] { new Quest(64, 16, 0), new ClusterKv(64, 8, 16, 320, 0) })
        {
            using var cache = SomeEntries.Store(recall, SomeEntries.Random(300, 16, 1));
            SomeEntries.Attend(cache, query);
            Assert.Null(cache.HitRate(1));
            Assert.Equal((recall is Quest ? 3 * 16 : 48) * cache.Shape.EntryBytes, cache.FetchedBytes(1));
            SomeEntries.Attend(cache, query);
            Assert.Equal(1, cache.HitRate(1));
            SomeEntries.Attend(cache, [.. query.Select(x => -x)]);
            Assert.True(cache.HitRate(1) < 0.8, $"{recall.Name}: {cache.HitRate(1)}");
            SomeEntries.Attend(cache, query);
            Assert.True(cache.HitRate(1) < cache.HitRate(2));
            using var copy = cache.Clone();
            Assert.Null(copy.HitRate(1));
            Assert.Equal(0, copy.TouchedBytes + copy.AttendedTokens);
        }
        using var exact = SomeEntries.Store(new ExactTop(10, 0), SomeEntries.Random(300, 16, 1));
        SomeEntries.Attend(exact, query);
        SomeEntries.Attend(exact, query);
        Assert.Null(exact.HitRate(1));
    }
}
