using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Tests.Compression;

public class AllocatorTests
{
    private static readonly HeadImportance Four = new(2, 2, [0.5, 0.25, 0.25, 0]);

    private static int[] Allot(IAllocator allocator, Budget budget, int n, int layers = 2, int kvHeads = 2, int queryHeads = 2) =>
        PromptAllocation.OfModel(new Method("test", new SinksAndRecent(), allocator), budget.Rule, BudgetFrame.Of(budget, layers, kvHeads, queryHeads, n));

    private static Budget Published(int entries, int window = 8) => new(entries, window, BudgetRule.AsPublished);

    private static Budget Equal(int entries, int window = 8) => new(entries, window, BudgetRule.EqualEntries);

    [Fact]
    public void HeadKv_by_hand()
    {
        // b' = 28 - 8 = 20; p = floor(20 / 1.25) = 16; minimum 4; S p LH + 4 = 0.5*16*4 + 4 = 36, 20, 20, 4
        Assert.Equal([36, 20, 20, 4], Allot(new HeadKv(Four, 1.25), Published(28), 1000));
        // clipped to n - alpha = 30: the 6 that head 0 cannot use are lost
        Assert.Equal([30, 20, 20, 4], Allot(new HeadKv(Four, 1.25), Published(28), 38));
        // equal entries: they go to heads 1 and 2 in proportion to S (0.25 : 0.25)
        Assert.Equal([30, 23, 23, 4], Allot(new HeadKv(Four, 1.25), Equal(28), 38));
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(2, 4)] // two query heads to a KV head: the budgets are permuted, not the scores that are averaged into them
    public void The_control_deals_the_very_same_budgets_to_other_heads(int kvHeads, int queryHeads)
    {
        var table = new HeadImportance(3, queryHeads, [.. Enumerable.Range(0, 3 * queryHeads).Select(h => h < 2 ? 40.0 : 1 + h)]);
        var measured = new HeadKv(table, 1.01);
        foreach (var budget in new[] { Published(40), Equal(40) })
        {
            int[] Deal(IAllocator allocator) => Allot(allocator, budget, 200, 3, kvHeads, queryHeads);
            var straight = Deal(measured);
            var dealings = Enumerable.Range(0, 20).Select(seed => Deal(new ShuffledBudgets(measured, seed))).ToArray();
            var rest = budget.Rule == BudgetRule.EqualEntries ? 1 : 0; // the entry that is left of rounding goes to another head
            Assert.All(dealings, dealt => Assert.All(straight.Order().Zip(dealt.Order()), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, rest)));
            Assert.All(dealings, dealt => Assert.Equal(straight.Sum(), dealt.Sum()));
            Assert.Equal(Deal(new ShuffledBudgets(measured, 3)), dealings[3]);
            Assert.InRange(dealings.Select(dealt => string.Join(' ', dealt)).Distinct().Count(), 15, 20);
            Assert.InRange(dealings.Average(dealt => dealt.Zip(straight).Count(pair => pair.First == pair.Second)), 0, 2.5); // one head stays in place on average
        }
        Assert.Contains("allots layer by layer", Assert.Throws<LabException>(() => Allot(new ShuffledBudgets(new Ada(0.2, true), 0), Equal(40), 200)).Message);
    }

    /// <summary>A prompt so short that heads are full: what they leave goes to the claims, which are dealt with the budgets. Claims that stayed behind would deal other budgets.</summary>
    [Theory]
    [InlineData(4, 4), InlineData(2, 4)]
    public void The_control_deals_what_full_heads_leave_as_well(int kvHeads, int queryHeads)
    {
        var table = new HeadImportance(3, queryHeads, [.. Enumerable.Range(0, 3 * queryHeads).Select(h => h < 2 ? 40.0 : 1 + h)]);
        var measured = new HeadKv(table, 1.01);
        int[] Deal(IAllocator allocator) => Allot(allocator, Equal(40), 90, 3, kvHeads, queryHeads);
        var straight = Deal(measured);
        Assert.Contains(82, straight);                                                  // n - window: a full head
        foreach (var seed in Enumerable.Range(0, 20))
            Assert.All(straight.Order().Zip(Deal(new ShuffledBudgets(measured, seed)).Order()), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1));
    }

    [Fact]
    public void HeadKv_rounds_half_to_even()
    {
        // b' = 10, p = floor(10 / 1.5) = 6, minimum 4: S = (1/16, 3/16, 5/16, 7/16) * 24 + 4 = 5.5, 8.5, 11.5, 14.5
        var table = new HeadImportance(1, 4, [1, 3, 5, 7]);
        Assert.Equal([6, 8, 12, 14], Allot(new HeadKv(table, 1.5), Published(18), 1000, 1, 4, 4));
    }

    [Fact]
    public void Temperature_is_an_exponent_on_normalised_scores()
    {
        // S = 0.5, .25, .25, 0 squared and normalised: 0.25, .0625, .0625 / 0.375 = 2/3, 1/6, 1/6; times 16*4 plus 4
        Assert.Equal([47, 15, 15, 4], Allot(new HeadKv(Four, 1.25, temperature: 2), Published(28), 1000));
    }

    [Theory]
    [InlineData(1.005, 119)]
    [InlineData(1.2, 100)]
    [InlineData(1.1, 109)]
    [InlineData(0.1 + 1.1, 99)] // 1.2000000000000002
    [InlineData(1.1, 19, 22)] // 1.1 is a little more: 22 / 1.1 rounds up to 20, Python's 22 // 1.1 is 19
    [InlineData(1.3, 19, 26)]
    public void The_pool_is_floored_as_in_Python(double beta, int pool, int selectable = 120)
    {
        var table = new HeadImportance(1, 2, [1, 0]);
        Assert.Equal([selectable + pool, selectable - pool], Allot(new HeadKv(table, beta), Published(selectable + 8), 100_000, 1, 2, 2));
    }

    [Fact]
    public void A_large_beta_is_uniform()
    {
        Assert.Equal(Allot(new Uniform(), Published(28), 500), Allot(new HeadKv(Four, 1e9), Published(28), 500));
        Assert.Equal(Allot(new Uniform(), Equal(28), 500), Allot(new HeadKv(Four, 1e9), Equal(28), 500));
    }

    [Fact]
    public void A_prompt_of_exactly_b_keeps_the_smaller_of_capacity_and_selectable()
    {
        var entries = Allot(new HeadKv(Four, 1.25), Published(28), 28);
        Assert.Equal([20, 20, 20, 4], entries); // min(c, b')
        Assert.Equal([20, 20, 20, 20], Allot(new HeadKv(Four, 1.25), Equal(28), 28));
    }

    [Fact]
    public void Kv_heads_keep_the_rounded_mean_of_their_query_heads()
    {
        // two KV heads of two query heads each, one layer: capacities by query head 36, 20 | 20, 4 -> means 28 and 12
        var table = new HeadImportance(1, 4, [0.5, 0.25, 0.25, 0]);
        Assert.Equal([28, 12], Allot(new HeadKv(table, 1.25), Published(28), 1000, 1, 2, 4));
        // max: importances 0.5 and 0.25 -> 2/3, 1/3 of 16*2, plus 4
        Assert.Equal([25, 15], Allot(new HeadKv(table, 1.25, reduction: GroupReduction.Max), Published(28), 1000, 1, 2, 4));
    }

    [Fact]
    public void What_a_full_KV_head_leaves_goes_to_the_others_by_the_importance_of_their_query_heads()
    {
        // S = (4, 4 | 3, 0 | 1, 0) / 12 of 16 * 6, plus 4: 36, 36 | 28, 4 | 12, 4, means 36, 16, 8; of 28 candidates head 0 leaves 8, shared 3 : 1
        var table = new HeadImportance(1, 6, [4, 4, 3, 0, 1, 0]);
        Assert.Equal([28, 22, 10], Allot(new HeadKv(table, 1.25), Equal(28), 36, 1, 3, 6));
    }

    [Fact]
    public void One_query_head_per_kv_head_is_query_head_granularity()
    {
        var heads = new Budget(28, 8, BudgetRule.AsPublished, Granularity.QueryHead);
        Assert.Equal(Allot(new HeadKv(Four, 1.25), heads, 300), Allot(new HeadKv(Four, 1.25), Published(28), 300));
    }

    [Fact]
    public void Pyramid_by_hand()
    {
        // b' = 120: lo = 6, hi = 234; 4 layers: step = floor(228 / 3) = 76
        Assert.Equal([234, 158, 82, 6], Allot(new Pyramid(), Published(128), 5000, 4, 1, 1));
        // n - alpha = 150 < 234: hi = 150, lo = 90, step = 20
        Assert.Equal([150, 130, 110, 90], Allot(new Pyramid(), Published(128), 158, 4, 1, 1));
        // n - alpha = 233 = hi - 1: hi = 233, lo = 7, step = floor(226 / 3) = 75
        Assert.Equal([233, 158, 83, 8], Allot(new Pyramid(), Published(128), 241, 4, 1, 1));
        // b' = 121: lo = 6, hi = 236, step = floor(230 / 3 = 76.7) = 76
        Assert.Equal([236, 160, 84, 8], Allot(new Pyramid(), Published(129), 5000, 4, 1, 1));
    }

    [Theory]
    [InlineData(32, 64)]
    [InlineData(32, 1024)]
    [InlineData(5, 130)]
    public void Pyramid_sums_to_uniform_up_to_the_floor(int layers, int entries)
    {
        var sum = Allot(new Pyramid(), Published(entries), 100_000, layers, 1, 1).Sum();
        Assert.InRange(sum - (entries - 8) * layers, 0, (layers - 1) * layers / 2);
        Assert.Equal((entries - 8) * layers, Allot(new Pyramid(), Equal(entries), 100_000, layers, 1, 1).Sum());
    }

    [Fact]
    public void Equal_entries_spends_the_nominal_total_for_every_scoring_and_length()
    {
        var random = new Random(5);
        for (var trial = 0; trial < 300; trial++)
        {
            var (layers, heads, entries) = (random.Next(1, 9), random.Next(1, 9), random.Next(8, 200));
            var n = random.Next(entries + 1, 3 * entries + 20);
            var values = new double[layers * heads];
            for (var i = 0; i < values.Length; i++) values[i] = random.Next(3) == 0 ? 0 : Math.Pow(random.NextDouble(), 8);
            values[random.Next(values.Length)] = 1;
            var table = new HeadImportance(layers, heads, values);
            foreach (IAllocator allocator in new IAllocator[] { new HeadKv(table, 1 + random.NextDouble()), new Uniform(), new Pyramid(), new Razor(table) })
            {
                var kept = Allot(allocator, Equal(entries), n, layers, heads, heads);
                Assert.Equal((long)(entries - 8) * layers * heads, kept.Sum(e => (long)e));
                Assert.All(kept, e => Assert.InRange(e, 0, n - 8));
            }
        }
    }

    [Fact]
    public void Equal_bytes_at_query_heads_spends_what_kv_heads_spend()
    {
        var table = new HeadImportance(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]);
        var byKv = Allot(new HeadKv(table), new Budget(100, 8, BudgetRule.EqualBytes), 5000, 2, 2, 4);
        var byQuery = Allot(new HeadKv(table), new Budget(100, 8, BudgetRule.EqualBytes, Granularity.QueryHead), 5000, 2, 2, 4);
        Assert.Equal(byKv.Sum() + 8 * byKv.Length, byQuery.Sum() + 8 * byQuery.Length);
        Assert.Throws<LabException>(() => BudgetFrame.Of(new Budget(15, 8, BudgetRule.EqualBytes, Granularity.QueryHead), 2, 2, 4, 5000));
    }

    [Fact]
    public void Permuting_heads_permutes_allocations()
    {
        var a = Allot(new HeadKv(new HeadImportance(1, 4, [1, 2, 3, 4]), 1.3), Published(60), 500, 1, 4, 4);
        var b = Allot(new HeadKv(new HeadImportance(1, 4, [4, 2, 1, 3]), 1.3), Published(60), 500, 1, 4, 4);
        Assert.Equal([a[3], a[1], a[0], a[2]], b);
    }

    [Fact]
    public void More_budget_never_takes_more_than_a_rounded_entry_away()
    {
        var table = new HeadImportance(1, 5, [0.01, 5, 1, 0, 0.3]);
        var before = Allot(new HeadKv(table, 1.1), Equal(8), 300, 1, 5, 5);
        for (var entries = 9; entries < 300; entries++)
        {
            var after = Allot(new HeadKv(table, 1.1), Equal(entries), 300, 1, 5, 5);
            if (Math.Floor((entries - 8) / 1.1) > Math.Floor((entries - 9) / 1.1)) // the pool grew, not only the minimum
                for (var h = 0; h < 5; h++) Assert.True(after[h] >= before[h] - 2, $"b {entries}, head {h}: {before[h]} -> {after[h]}");
            before = after;
        }
    }

    [Fact]
    public void Razor_protects_as_many_heads_as_the_budget_allows()
    {
        // b' = 40, sinks 4: pool 36 * 4 = 144; a whole head costs 108 - 8 - 4 = 96 more: one; the next in rank takes the other 48
        var table = new HeadImportance(2, 2, [0.1, 0.9, 0.5, 0.2]);
        Assert.Equal([4, 100, 4, 4], Allot(new Razor(table), Published(48), 108));
        Assert.Equal([4, 100, 52, 4], Allot(new Razor(table), Equal(48), 108));
        // the paper's rule: half of the heads whole, the others 4 sinks and the last max(20, 108 / 5), 8 of them the window
        Assert.Equal([17, 100, 100, 17], Allot(new Razor(table, 4, 0.5, 20), Published(48), 108));
        // a KV head ranks by the best of its query heads, 0.9 before 0.6, not by their mean, 0.5 behind 0.6
        Assert.Equal([100, 17], Allot(new Razor(new HeadImportance(1, 4, [0.1, 0.9, 0.6, 0.6]), 4, 0.5, 20), Published(48), 108, 1, 2, 4));
    }

    [Fact]
    public void Duo_splits_at_the_quantile()
    {
        var gates = new HeadImportance(2, 2, [0.1, 0.9, 0.5, 0.2]);
        Assert.Equal([24, 192, 192, 24], Allot(new Duo(gates, 0.5, 16, 16), Published(48), 200));
        Assert.Equal([24, 192, 192, 192], Allot(new Duo(gates, 1.0 / 3, 16, 16), Published(48), 200)); // the quantile is 0.2: a gate on it keeps all
    }

    [Theory]
    [InlineData(1.0), InlineData(0.5), InlineData(double.NaN), InlineData(double.PositiveInfinity), InlineData(-2.0)]
    public void A_beta_that_divides_nothing_is_refused(double beta) =>
        Assert.Contains("beta", Assert.Throws<LabException>(() => new HeadKv(Four, beta)).Message);

    [Fact]
    public void Scores_of_another_model_are_refused()
    {
        Assert.Contains("2 layers", Assert.Throws<LabException>(() => Allot(new HeadKv(Four), Published(28), 500, 3)).Message);
        Assert.Throws<LabException>(() => Allot(new HeadKv(Four), Published(28), 500, 2, 3, 3));
    }

    [Theory]
    [InlineData(0.03, 2048, 61)] // 61.44
    [InlineData(0.5, 25, 12), InlineData(0.5, 27, 14)] // 12.5 and 13.5: half to even
    [InlineData(0.001, 2048, 8)] // not below the window
    [InlineData(1.0, 2048, 2048)]
    public void A_share_of_the_prompt_is_rounded_half_to_even(double share, int n, int entries) => Assert.Equal(entries, Budget.OfShare(share, n).Entries);

    [Theory]
    [InlineData(0, 8), InlineData(7, 8), InlineData(-1, 8), InlineData(8, 0)]
    public void Budgets_without_room_are_refused(int entries, int window) => Assert.Throws<LabException>(() => new Budget(entries, window));
}
