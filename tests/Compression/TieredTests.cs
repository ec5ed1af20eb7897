using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Tests.Compression;

/// <summary>BaKlaVa's tiers by hand.</summary>
public sealed class TieredTests
{
    /// <summary>Importances .1 .2 .6 .9 of one layer.</summary>
    private static readonly HeadChange Four = new([.1, .2, .6, .9], [1]);

    private static int[] Entries(Tiered tiers, BudgetFrame frame, BudgetRule rule = BudgetRule.EqualEntries) => PromptAllocation.OfModel(new Method("m", new SinksAndRecent(), tiers), rule, frame);

    private static BudgetFrame Frame(int layers, int heads, int selectable, int candidates) => new(layers, heads, candidates + 8, 8, selectable, (long)(selectable + 8) * layers * heads);

    [Fact]
    public void The_lowest_give_to_the_highest()
    {
        var tiers = new Tiered(Four, 0.25, 0.25, 0.4, 0);
        foreach (var rule in (BudgetRule[])[BudgetRule.EqualEntries, BudgetRule.AsPublished]) Assert.Equal([60, 100, 100, 140], Entries(tiers, Frame(1, 4, 100, 1000), rule));
        Assert.Equal([62, 105, 113, 120], Entries(tiers, Frame(1, 4, 100, 120)));               // the fourth is clipped, its 20 go to the others by importance
        Assert.Equal([60, 100, 100, 120], Entries(tiers, Frame(1, 4, 100, 120), BudgetRule.AsPublished));
        Assert.Equal([25, 25, 25, 325], Entries(new Tiered(Four, 0.75, 0.25, 0.75, 0), Frame(1, 4, 100, 1000)));
    }

    [Fact]
    public void A_KV_head_is_as_important_as_its_most_demanding_reader()
    {
        var change = new HeadChange([.1, .5, .3, .2], [1]);
        var frame = Frame(1, 2, 100, 1000);
        Assert.Equal([.5, .3], change.Importance(frame, GroupReduction.Max, 0));
        Assert.Equal([.3, .25], change.Importance(frame, GroupReduction.Mean, 0).Select(m => Math.Round(m, 12)));
        Assert.Equal([.6, .5], change.Importance(frame, GroupReduction.Sum, 0).Select(m => Math.Round(m, 12)));
        Assert.Equal([.1, .5, .3, .2], change.Importance(Frame(1, 4, 100, 1000), GroupReduction.Max, 0));   // query heads that own entries need no reduction
    }

    [Fact]
    public void A_layer_counts_by_its_share_of_the_mean()
    {
        var change = new HeadChange([.4, .2, .4, .2], [.1, .3]);                                // mean .2: factors 1/2 and 3/2
        var frame = Frame(2, 2, 100, 1000);
        Assert.Equal([.4, .2, .4, .2], change.Importance(frame, GroupReduction.Max, 0));
        Assert.Equal([.2, .1, .6, .3], change.Importance(frame, GroupReduction.Max, 1).Select(m => Math.Round(m, 12)));
        Assert.Equal(.4 * Math.Sqrt(.5), change.Importance(frame, GroupReduction.Max, 0.5)[0], 1e-12);
        Assert.Equal([.4, .2], new HeadChange([.4, .2], [0]).Importance(Frame(1, 2, 1, 9), GroupReduction.Max, 1));   // no layer adds anything: none counts more
    }

    [Fact]
    public void Nothing_moved_is_uniform_and_so_is_a_single_cache()
    {
        Assert.All(Entries(new Tiered(Four, 0.25, 0.25, 0), Frame(1, 4, 100, 1000)), kept => Assert.Equal(100, kept));
        Assert.Equal([100], Entries(new Tiered(new HeadChange([.3], [1]), 0.5, 0.5, 0.9), Frame(1, 1, 100, 1000)));
        Assert.All(Entries(new Tiered(Four, 0.5, 0, 0.9), Frame(1, 4, 100, 1000)), kept => Assert.Equal(100, kept));   // nobody takes: nobody gives
        Assert.All(Entries(new Tiered(Four, 0, 0.5, 0.9), Frame(1, 4, 100, 1000)), kept => Assert.Equal(100, kept));
        Assert.All(Entries(new Tiered(Four), Frame(1, 4, 0, 1000)), kept => Assert.Equal(0, kept));                     // a budget of the window alone
    }

    [Fact]
    public void Of_equal_importance_the_earlier_head_ranks_higher()
    {
        var alike = new HeadChange([.5, .5, .5, .5], [1, 1]);
        Assert.Equal([140, 100, 100, 60], Entries(new Tiered(alike, 0.25, 0.25, 0.4), Frame(2, 2, 100, 1000)));
        Assert.Equal([100, 100, 100, 100], Entries(new Tiered(new HeadChange([0, 0, 0, 0], [0, 0]), 0.25, 0.25, 0), Frame(2, 2, 100, 1000)));
        Assert.Equal([140, 100, 100, 60], Entries(new Tiered(new HeadChange([0, 0, 0, 0], [0, 0]), 0.25, 0.25, 0.4), Frame(2, 2, 100, 1000)));
    }

    /// <summary>Every choice of shares spends the same total; where both round up, the takers are those that are left.</summary>
    [Theory]
    [InlineData(1, 3), InlineData(3, 1), InlineData(6, 4), InlineData(5, 7)]
    public void The_sum_is_that_of_uniform(int layers, int heads)
    {
        var random = new Random(4);
        var change = new HeadChange([.. Enumerable.Range(0, layers * heads).Select(_ => random.NextDouble())], [.. Enumerable.Range(0, layers).Select(_ => random.NextDouble())]);
        foreach (var low in (double[])[0.125, 0.5, 0.75, 1])
            foreach (var high in (double[])[0, 0.0625, 0.25, 0.5])
                if (low + high <= 1)
                    foreach (var rule in (BudgetRule[])[BudgetRule.EqualEntries, BudgetRule.EqualBytes])
                    {
                        var entries = Entries(new Tiered(change, low, high, 0.9, 1), Frame(layers, heads, 64, 100_000), rule);
                        Assert.Equal(64L * layers * heads, entries.Sum());
                    }
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        Assert.Contains("the lowest 0.75 and the highest 0.5 of the caches overlap", Assert.Throws<LabException>(() => new Tiered(Four, 0.75, 0.5)).Message);
        Assert.Contains("overlap", Assert.Throws<LabException>(() => Catalogue.Find("BaKlaVa").Create(new(("low", 0.95)), CalibrationTables.None.With(TableKinds.Change, Four))).Message);
        Assert.Contains("low -0.1", Assert.Throws<LabException>(() => new Tiered(Four, -0.1)).Message);
        Assert.Contains("moved 1.1", Assert.Throws<LabException>(() => new Tiered(Four, Moved: 1.1)).Message);
        Assert.Contains("layer exponent NaN", Assert.Throws<LabException>(() => new Tiered(Four, LayerExponent: double.NaN)).Message);
        Assert.Contains("describes 1 layers of 4 query heads, the model has 2 layers of 4", Assert.Throws<LabException>(() => Entries(new Tiered(Four), Frame(2, 4, 100, 1000))).Message);
        Assert.Contains("the model has 1 layers of 3", Assert.Throws<LabException>(() => Entries(new Tiered(Four), Frame(1, 3, 100, 1000))).Message);
        Assert.Contains("head 0-1 has 2.5", Assert.Throws<LabException>(() => new HeadChange([1, 2.5], [1])).Message);
        Assert.Contains("layer 0 has NaN", Assert.Throws<LabException>(() => new HeadChange([1, 2], [double.NaN])).Message);
        Assert.Contains("3 heads do not fill 2 layers", Assert.Throws<LabException>(() => new HeadChange([1, 2, 1], [1, 1])).Message);
    }
}
