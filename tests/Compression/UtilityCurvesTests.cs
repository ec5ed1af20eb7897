using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Tests.Compression;

/// <summary>Budgets divided by utility curves and by LU-KV's removal curves, by hand and against trying everything.</summary>
public sealed class UtilityCurvesTests
{
    /// <summary>Curves of heads with so many candidates, from what each further entry gains; linear between.</summary>
    private static UtilityCurves Gains(params double[][] heads) => new(1, heads.Length, [.. heads.SelectMany(gains => Enumerable.Range(0, 101).Select(k =>
    {
        var place = k * gains.Length / 100.0;
        return gains.Take((int)place).Sum() + (place < gains.Length ? (place - (int)place) * gains[(int)place] : 0);
    }))]);

    /// <summary>A frame of one layer, in which so many entries are to be divided; a window of one.</summary>
    private static double[] Divide(HeadShares shares, int candidates, int perHead) => shares.Keep(new(1, shares.Heads, candidates + 1, 1, perHead, (long)(perHead + 1) * shares.Heads));

    private static void Near(double[] expected, double[] found) => Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-6));

    /// <summary>Gains .5 .1 and .3 .3: of two entries each head gets one, .5 + .3; a third goes to the second head. Here each head has 2, so that the budgets are 2 and 4.</summary>
    [Fact]
    public void The_largest_gains_by_hand()
    {
        var curves = Gains([.5, .1], [.3, .3]);
        Near([1, 1], Divide(curves, 2, 1));
        Near([2, 2], Divide(curves, 2, 2));
        Near([1, 2, 0], Divide(Gains([.5, .1], [.3, .3], [.05, .05]), 2, 1));    // three entries for three heads
    }

    /// <summary>Gains .1 .5 are .3 .3 on the hull, and are taken together or not at all: beside .2 .2 they come first, beside .4 they do not fit.</summary>
    [Fact]
    public void A_piece_of_the_hull_is_taken_together_or_not_at_all()
    {
        Assert.Equal([0, 100], UtilityCurves.Hull(Gains([.1, .5])[0, 0]));
        Near([2, 0], Divide(Gains([.1, .5], [.2, .2]), 2, 1));
        Near([0, 2], Divide(Gains([.1, .5], [.4, .1]), 2, 1));
        Near([0, 1], Divide(Gains([.1, .5], [.4, 0]), 2, 1));                     // one of two entries is left to the rule,
        Assert.Equal([0, 2], Entries(Gains([.1, .5], [.4, 0]), BudgetRule.EqualEntries));   // which hands it on in proportion
        Assert.Equal([0, 1], Entries(Gains([.1, .5], [.4, 0]), BudgetRule.AsPublished));
    }

    private static int[] Entries(HeadShares shares, BudgetRule rule) => PromptAllocation.OfModel(new Method("m", new SinksAndRecent(), new MarginalUtility(shares)), rule, new(1, shares.Heads, 3, 1, 1, 4));

    [Fact]
    public void Points_on_a_straight_line_stay_on_the_hull_and_equal_gains_go_to_the_lower_head()
    {
        Assert.Equal(101, UtilityCurves.Hull(Gains([.3, .3])[0, 0]).Count);
        Near([1, 1], Divide(Gains([.5, .1], [.5, .1]), 2, 1));
        Near([2, 0], Divide(Gains([.3, .3], [.3, .3]), 2, 1));
        Near([0, 0], Divide(Gains([0, 0], [0, 0]), 2, 1));                        // nothing gains: the rule divides evenly
        Assert.Equal([1, 1], Entries(Gains([0, 0], [0, 0]), BudgetRule.EqualEntries));
    }

    /// <summary>On concave curves no other division of the same entries holds more.</summary>
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void No_division_holds_more(int seed)
    {
        var random = new Random(seed);
        double[][] gains = [.. Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, 5).Select(_ => random.NextDouble()).OrderDescending().ToArray())];
        var kept = Divide(Gains(gains), 5, 2);
        Assert.Equal(6, kept.Sum(), 1e-6);
        var best = (from a in Enumerable.Range(0, 6) from b in Enumerable.Range(0, 6) let c = 6 - a - b where c is >= 0 and <= 5 select gains[0].Take(a).Sum() + gains[1].Take(b).Sum() + gains[2].Take(c).Sum()).Max();
        Assert.Equal(best, gains.Select((head, i) => head.Take((int)Math.Round(kept[i])).Sum()).Sum(), 1e-9);
    }

    /// <summary>
    /// 10 tokens, 3 of each head to stay, 70 % to go: the row of 70 says .85 and .55, that is 1.5 and 4.5 entries, 6 together; both have the same remainder, the lower head gets the
    /// sixth. One entry each is the window's.
    /// </summary>
    [Fact]
    public void Removal_curves_by_hand()
    {
        double[] Rows(double a, double b) => [.. Enumerable.Range(1, 99).SelectMany(row => row == 70 ? (double[])[a, b] : [1, 1])];
        double[] Kept(double a, double b) => new RemovalCurves(1, 2, Rows(a, b)).Keep(new(1, 2, 10, 1, 2, 6));
        Assert.Equal([1, 3], Kept(.85, .55));
        Assert.Equal([0, 5], Kept(1, .4));                                         // one entry at least, the window
        Assert.Equal([0, 3], Kept(.96, .64));                                      // .4 and 3.6 are 4 together
        Assert.Equal([1, 1, 3, 3], new RemovalCurves(1, 2, Rows(.85, .55)).Keep(new(1, 4, 10, 1, 2, 12)));   // query heads, two to a KV head
        var all = new RemovalCurves(2, 1, [.. Enumerable.Range(1, 99).SelectMany(row => (double[])[row / 100.0, row / 200.0])]);
        Assert.Equal([9.0, 9], all.Keep(new(2, 1, 10, 1, 9, 20)));                // nothing is to go: the first row, 9.9 and 9.95 entries
        Assert.Equal(0.495, ((RemovalCurves)all.Among([1])).Removed[98]);
    }

    /// <summary>What the curves drop at a share sums to it, and is what they keep of any prompt.</summary>
    [Fact]
    public void Utility_curves_become_removal_curves()
    {
        var curves = Gains([.5, .09, .05, .01], [.3, .3, .1, .02]);
        var removed = RemovalCurves.Of(curves);
        for (var row = 1; row <= 99; row++) Assert.Equal(row / 50.0, removed.Removed[2 * (row - 1)] + removed.Removed[2 * (row - 1) + 1], 1e-4);
        Assert.Equal((0.75, 0.25), (Math.Round(removed.Removed[98], 3), Math.Round(removed.Removed[99], 3)));    // half: one entry of four, and three: .5 .3 .3 .1 in that order
    }

    [Fact]
    public void Tables_that_are_none_or_anothers_are_refused()
    {
        var curve = Enumerable.Range(0, 101).Select(k => k / 100.0).ToArray();
        string Refused(Func<object?> make) => Assert.Throws<LabException>(make).Message;
        Assert.Contains("100 points do not make", Refused(() => new UtilityCurves(1, 1, curve.AsSpan(1))));
        Assert.Contains("head 0-0 begins with 0.5", Refused(() => new UtilityCurves(1, 1, [0.5, .. curve[1..]])));
        Assert.Contains("head 0-1 has 0.1 after 0.49 at 50 %", Refused(() => new UtilityCurves(1, 2, [.. curve, .. curve[..50], 0.1, .. curve[51..]])));
        Assert.Contains("has NaN after", Refused(() => new UtilityCurves(1, 1, [.. curve[..100], double.NaN])));
        Assert.Contains("head 0-1 loses 1.5 at 1 %", Refused(() => new RemovalCurves(1, 2, [0, 1.5, .. new double[196]])));
        Assert.Contains("197 shares do not make 99 rows", Refused(() => new RemovalCurves(1, 2, new double[197])));
        Assert.Contains("describes 1 layers of 1 KV heads, the model has 2 of 1", Refused(() => new UtilityCurves(1, 1, curve).Keep(new(2, 1, 10, 1, 2, 6))));
        Assert.NotEqual(new UtilityCurves(1, 1, curve).Hash, new UtilityCurves(1, 1, [.. curve[..100], 2]).Hash);
        Assert.Equal(new UtilityCurves(2, 1, [.. curve, .. curve.Select(x => x / 2)]).Among([1]).Hash, new UtilityCurves(1, 1, [.. curve.Select(x => x / 2)]).Hash);
    }
}
