using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;

namespace HeadKvLab.Tests.Compression;

/// <summary>How wanted entries become granted ones, by hand.</summary>
public sealed class SettlingTests
{
    private static int[] Resolve(BudgetRule rule, double[] wanted, double[] claims, int candidates, long total)
    {
        var entries = new int[wanted.Length];
        BudgetRules.Resolve(rule, new Allotment([.. wanted], claims), candidates, total, entries);
        return entries;
    }

    private static int[] Fill(double[] wanted, double[] claims, int candidates, long total) => Resolve(BudgetRule.EqualEntries, wanted, claims, candidates, total);

    [Fact]
    public void As_published_rounds_half_to_even_clips_and_looks_at_no_total() =>
        Assert.Equal([2, 4, 0, 10, 3], Resolve(BudgetRule.AsPublished, [2.5, 3.5, -1, 99, 3], [1, 1, 1, 1, 1], 10, 1));

    [Fact]
    public void What_nobody_wanted_goes_by_claims()
    {
        Assert.Equal([30, 10], Fill([0, 0], [3, 1], 100, 40));
        Assert.Equal([32, 18], Fill([20, 10], [3, 2], 100, 50));         // 20 over: 12 and 8
        Assert.Equal([5, 5], Fill([2, 2], [0, 0], 10, 10));              // no claims: by heads
        Assert.Equal([6, 4], Fill([6, 4], [5, 0], 10, 10));              // nothing over
        Assert.Equal([10, 5, 5], Fill([0, 0, 0], [8, 1, 1], 10, 20));    // the first is full at 10 of its 16, 6 go to the others
        Assert.Equal([10, 4, 6], Fill([0, 0, 2], [1, 0, 0], 10, 20));    // full, and nobody else claims: the 8 that are over go by heads
        Assert.Equal([10, 2], Fill([50, 0], [1, 1], 10, 12));            // what is beyond the candidates was never there to want
    }

    [Fact]
    public void Too_much_wanted_is_scaled()
    {
        Assert.Equal([15, 5], Fill([30, 10], [1, 1], 100, 20));
        Assert.Equal([0, 4], Fill([-5, 5], [1, 1], 10, 4));              // less than nothing is nothing
        Assert.Equal([0, 0], Fill([3, 4], [1, 1], 10, 0));
        Assert.Equal([0, 0], Fill([3, 4], [1, 1], 10, -7));
    }

    [Fact]
    public void Fractions_go_to_the_largest_and_of_equal_ones_to_the_later()
    {
        Assert.Equal([2, 1, 1], Fill([1.5, 1.3, 1.2], [1, 1, 1], 10, 4));
        Assert.Equal([1, 2, 1], Fill([1.2, 1.5, 1.3], [1, 1, 1], 10, 4));
        Assert.Equal([0, 1], Fill([0.5, 0.5], [1, 1], 10, 1));
        Assert.Equal([1, 1, 2, 2], Fill([1.5, 1.5, 1.5, 1.5], [1, 1, 1, 1], 10, 6));
        Assert.Equal([5, 5], Fill([4.9999999999, 5.0000000001], [1, 1], 10, 10));   // 5 written as 4.999...
    }

    [Theory]
    [InlineData(5, 2, 3), InlineData(6, 3, 3), InlineData(7, 3, 3), InlineData(1000, 3, 3)]
    public void A_total_of_all_there_is_fills_every_head(long total, int first, int second) => Assert.Equal([first, second], Fill([1, 2], [1, 1], 3, total));

    /// <summary>Totals from nothing to everything, random wishes: the sum is the total, nobody is below 0 or above the candidates, and who wants and claims as much gets as much.</summary>
    [Fact]
    public void The_sum_is_the_total()
    {
        var random = new Random(9);
        for (var trial = 0; trial < 500; trial++)
        {
            var (heads, candidates) = (random.Next(1, 9), random.Next(1, 30));
            var wanted = Enumerable.Range(0, heads).Select(_ => random.Next(4) * 0.3 * candidates).ToArray();
            var claims = wanted.Select(w => w + random.Next(2)).ToArray();
            var total = random.Next(heads * candidates + 1);
            var entries = Fill(wanted, claims, candidates, total);
            Assert.Equal(total, entries.Sum());
            Assert.All(entries, e => Assert.InRange(e, 0, candidates));
            for (var a = 0; a < heads; a++)
                for (var b = 0; b < a; b++)
                    if ((wanted[a], claims[a]) == (wanted[b], claims[b])) Assert.InRange(entries[a] - entries[b], 0, 1);
        }
    }

    /// <summary>By hand: entries stored in blocks of 4, and one entry more for every head that drops any.</summary>
    [Fact]
    public void A_total_pays_for_what_heads_cost()
    {
        int[] By(Func<int, long> cost, double[] requested, int candidates, long total)
        {
            var entries = new int[requested.Length];
            BudgetRules.Resolve(BudgetRule.EqualBytes, new Allotment([.. requested], new double[requested.Length]), candidates, total, entries, (_, kept) => cost(kept));
            return entries;
        }
        static long Blocks(int entries) => (entries + 3) / 4 * 4;
        Assert.Equal([4, 3], By(Blocks, [5, 3], 10, 8));                    // 5 and 3 cost 12; 7 entries are 4.375 and 2.625 of them
        Assert.Equal([6, 4], By(Blocks, [5, 3], 10, 12));                   // what is over goes by heads, up to the blocks' ends
        Assert.Equal([0, 0], By(Blocks, [5, 3], 10, 3));                    // not one block
        Assert.Equal([10, 10], By(Blocks, [5, 3], 10, 1000));
        Assert.Equal([6, 3], By(kept => kept < 6 ? kept + 1 : kept, [6, 2], 6, 10));   // the full head pays for no summary
        Assert.Equal([4, 4], By(kept => kept < 6 ? kept + 1 : kept, [4, 4], 6, 10));
        var random = new Random(4);
        for (var trial = 0; trial < 200; trial++)
        {
            var requested = Enumerable.Range(0, random.Next(1, 7)).Select(_ => random.NextDouble() * 30).ToArray();
            long total = random.Next(requested.Length * 30), spent = By(Blocks, requested, 25, total).Sum(Blocks);
            Assert.InRange(spent, Math.Min(total, 28 * requested.Length) - 4 * requested.Length, total);   // no head could be a block longer
        }
    }

    [Fact]
    public void A_pyramid_of_one_layer_is_uniform() =>
        Assert.Equal([20, 20], PromptAllocation.OfModel(new Method("p", new HeadKvLab.Compression.Scorers.SinksAndRecent(), new Pyramid()), BudgetRule.AsPublished, new BudgetFrame(1, 2, 500, 8, 20, 56)));

    [Fact]
    public void Layers_of_an_indivisible_total_take_turns()
    {
        // 2 heads, 3 layers, 50 entries in all, windows of 2: 16, 17, 17 a layer, less the windows 12, 13, 13
        var frame = new BudgetFrame(3, 2, 100, 2, 7, 50);
        var method = new Method("u", new HeadKvLab.Compression.Scorers.SinksAndRecent(), new Uniform());
        Assert.Equal([12, 13, 13], Enumerable.Range(0, 3).Select(layer => PromptAllocation.OfLayer(method, BudgetRule.EqualEntries, frame, layer, default).Sum()));
    }

    [Fact]
    public void Refusals_name_the_number_and_the_cure()
    {
        Says("KV size 0: a head must keep at least its window; give --kv-size 8 or more", () => new Budget(0, 8));
        Says("window 0: the last prompt token is always kept; give --window 1 or more", () => new Budget(8, 0));
        Says("window 9 is larger than KV size 8", () => new Budget(8, 9));
        Assert.Equal((8, 8), (new Budget(8, 8).Entries, new Budget(8, 8).ObservationWindow));
        foreach (var share in (double[])[0, -0.1, 1.01, double.NaN]) Says("give a share above 0 and at most 1", () => Budget.OfShare(share, 100));
        Says("3 query heads cannot share 2 KV heads", () => BudgetFrame.Of(new Budget(8, 4), 1, 2, 3, 100));
        Says("3 query heads cannot share 0 KV heads", () => BudgetFrame.Of(new Budget(8, 4), 1, 0, 3, 100));
        Says("the prompt has 4 tokens, the window 4", () => BudgetFrame.Of(new Budget(8, 4), 1, 1, 1, 4));
        Assert.Equal(1, BudgetFrame.Of(new Budget(8, 4), 1, 1, 1, 5).Candidates);
        Says("KV size 15 over 4 query heads is 7 entries a head, the window 8: give --kv-size 16 or more", () => BudgetFrame.Of(new Budget(15, 8, BudgetRule.EqualBytes, Granularity.QueryHead), 2, 2, 4, 5000));
        Assert.Equal(new BudgetFrame(2, 4, 5000, 8, 0, 64), BudgetFrame.Of(new Budget(16, 8, BudgetRule.EqualBytes, Granularity.QueryHead), 2, 2, 4, 5000));
        Assert.Equal(new BudgetFrame(2, 4, 5000, 8, 8, 128), BudgetFrame.Of(new Budget(16, 8, BudgetRule.EqualEntries, Granularity.QueryHead), 2, 2, 4, 5000));
        Says("Ada floor 1.1", () => new Ada(1.1));
        Says("Ada floor -0.1", () => new Ada(-0.1));
        Says("pyramid beta 0", () => new Pyramid(0));
        Says("Duo sparsity 1.5", () => new Duo(new HeadImportance(1, 1, [1]), 1.5));
        Says("Razor's protected share -1", () => new Razor(new HeadImportance(1, 1, [1]), ProtectedShare: -1));
        Says("sinks -1", () => new HeadKvLab.Compression.Scorers.SinksAndRecent(-1));
        Says("3 values do not make 2 layers of 2 heads", () => new HeadImportance(2, 2, [1, 2, 3]));
        Says("0 values do not make 0 layers of 2 heads", () => new HeadImportance(0, 2, []));
        Says("0 values do not make 2 layers of 0 heads", () => new HeadImportance(2, 0, []));
        Says("head 1-0 has importance -1", () => new HeadImportance(2, 2, [1, 2, -1, 3]));
        Says("head 0-1 has importance NaN", () => new HeadImportance(2, 2, [1, double.NaN, 1, 3]));
        Says("all are zero", () => new HeadImportance(1, 2, [0, 0]));
        Says("temperature 0", () => new HeadImportance(1, 2, [1, 0]).Normalised(0));
        Says("temperature Infinity", () => new HeadImportance(1, 2, [1, 0]).Normalised(double.PositiveInfinity));
        Says("4 query heads cannot share 3 KV heads", () => new HeadImportance(1, 4, [1, 0, 0, 0]).Aggregate(3, GroupReduction.Max));
        Says("4 query heads cannot share 0 KV heads", () => new HeadImportance(1, 4, [1, 0, 0, 0]).Aggregate(0, GroupReduction.Max));

        static void Says(string words, Func<object> refused) => Assert.Contains(words, Assert.Throws<LabException>(refused).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_on_the_edge_are_taken()
    {
        Assert.Equal((0.0, 1.0), (new Ada(0).Floor, new Ada(1).Floor));
        Assert.Equal(1, new Pyramid(1).Beta);
        Assert.Equal((1, 1), (new Budget(1, 1).Entries, new Budget(1, 1).ObservationWindow));
        foreach (var share in (double[])[0, 1]) Assert.Equal(share, new Razor(new HeadImportance(1, 1, [1]), ProtectedShare: share).ProtectedShare);
        Assert.Equal(HeadKvLab.Cache.ScorerNeeds.None, new Compressor(Catalogue.Find("Knorm").Create(), new Budget(20), new HeadKvLab.Cache.CacheShape(1, 1, 8), 2).Needs);
        HeadImportance gates = new(2, 2, [0.1, 0.9, 0.5, 0.2]), two = new(1, 2, [0.9, 0.1]);
        int[] Duo(HeadImportance table, double sparsity, int heads) => PromptAllocation.OfModel(new Method("d", new HeadKvLab.Compression.Scorers.SinksAndRecent(), new Duo(table, sparsity, 16, 16)), BudgetRule.AsPublished, new BudgetFrame(table.Layers, heads, 200, 8, 40, 192));
        Assert.Equal([192, 192, 192, 192], Duo(gates, 0, 2));
        Assert.Equal([24, 192, 24, 24], Duo(gates, 1, 2));
        Assert.Equal([192, 192, 24, 24], Duo(two, 0.5, 4));                      // two query heads to a gate
        Assert.Contains("gates describe 2 layers of 2 KV heads, the model has 2 layers of 3", Assert.Throws<LabException>(() => Duo(gates, 0.5, 3)).Message);
        foreach (IAllocator allocator in (IAllocator[])[new Duo(gates), new HeadKv(gates), new Razor(gates)])
        {
            var method = new Method("x", new HeadKvLab.Compression.Scorers.SinksAndRecent(), allocator);
            Assert.Contains("the model has 3 layers of 2", Assert.Throws<LabException>(() => PromptAllocation.OfModel(method, BudgetRule.AsPublished, new BudgetFrame(3, 2, 200, 8, 40, 288))).Message);
        }
    }

    /// <summary>A whole head costs 100 - 4 entries beside its sinks: 46 x 4 = 184 of them buy one, 48 x 4 = 192 two.</summary>
    [Theory]
    [InlineData(50, 1), InlineData(52, 2)]
    public void Razor_buys_whole_heads_while_they_are_paid_for(int selectable, int whole)
    {
        var entries = PromptAllocation.OfModel(new Method("r", new HeadKvLab.Compression.Scorers.SinksAndRecent(), new Razor(new HeadImportance(2, 2, [0.1, 0.9, 0.5, 0.2]))), BudgetRule.AsPublished, new BudgetFrame(2, 2, 108, 8, selectable, 4 * (selectable + 8)));
        Assert.Equal(whole == 1 ? [4, 100, 4, 4] : [4, 100, 100, 4], entries);
    }

    [Fact]
    public void The_catalogue_names_what_it_has_and_what_a_method_needs()
    {
        Assert.Contains("use one of FullKV, StreamingLLM, H2O", Assert.Throws<LabException>(() => Catalogue.Find("NOSUCH")).Message);
        Assert.Equal(["none", "head scores (Eq. 1 on retrieval needles)", "head scores (Eq. 2 on retrieval needles)", "head scores (Eq. 2 on retrieval-reasoning needles)"], ((string[])["SnapKV", "HeadKV-R", "HeadKV-ER", "HeadKV-R2"]).Select(name => Catalogue.Find(name).NeedsInWords));
        Assert.Contains("Ada allots layer by layer", Assert.Throws<LabException>(() => PromptAllocation.OfModel(new Method("x", new HeadKvLab.Compression.Scorers.SinksAndRecent(), new ShuffledBudgets(new Ada(), 0)), BudgetRule.AsPublished, new BudgetFrame(1, 1, 100, 8, 8, 16))).Message);
        Assert.Contains("4 query heads cannot share 3 KV heads", Assert.Throws<LabException>(() => new Compressor(Catalogue.Find("Knorm").Create(), new Budget(20), new HeadKvLab.Cache.CacheShape(1, 3, 8), 4)).Message);
    }

    [Fact]
    public void Normalising_a_competition_favours_the_concentrated_head()
    {
        // the four largest are 9 8 7 6; the first head's two best hold 0.68 of it, the second's all: 6.1 5.4 4.8 against 6 5
        float[] scores = [9, 8, 7, 1, 6, 5, 0, 0];
        Assert.Equal([3, 1], new Ada(0.2, false).Competition(new HeadRows<float>(scores, 2, 4), 2));
        Assert.Equal([2, 2], new Ada(0.2, true).Competition(new HeadRows<float>(scores, 2, 4), 2));
        Assert.Equal([1, 1], new Ada().Competition(new HeadRows<float>([3f, 0, 0, 0, 0, 0], 2, 3), 1)); // a head without scores still competes: of equal zeros the last
    }

    [Fact]
    public void A_table_shows_its_heads_where_they_are()
    {
        var table = new HeadImportance(2, 3, [1, 2, 3, 4, 5, 6]);
        Assert.Equal(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } }, table.ToMatrix());
        Assert.Equal((3, 4), (table[0, 2], table[1, 0]));
        Assert.Same(table, table.Aggregate(3, GroupReduction.Sum));
    }

    [Fact]
    public void Rows_lie_behind_each_other_until_they_are_trimmed()
    {
        float[] numbers = [1, 2, 3, 4, 5, 6, 7];
        var rows = new HeadRows<float>(numbers, 2, 3);
        Assert.Equal([1, 2, 3, 4, 5, 6], rows.All.ToArray());
        var trimmed = rows.Trim(2);
        Assert.Equal([4, 5], trimmed[1].ToArray());
        Assert.Equal((2, 2), (trimmed.Heads, trimmed.Length));
        Assert.Throws<InvalidOperationException>(() => new HeadRows<float>(numbers, 2, 3).Trim(2).All.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => new HeadRows<float>(numbers, 2, 3).Trim(4).Length);
    }
}
