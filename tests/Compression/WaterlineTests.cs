using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Compression;

/// <summary>One price line over the model: what is bought while layers arrive is what would be bought of all of them at once.</summary>
public sealed class WaterlineTests
{
    private static Bids Offered(params (double Price, int Entries)[][] heads)
    {
        var bids = new Bids(heads.Length);
        for (var head = 0; head < heads.Length; head++)
            foreach (var (price, entries) in heads[head]) bids.Offer(head, price, entries);
        return bids;
    }

    private static int[][] Entries(Waterline waterline) => [.. waterline.Entries.Select(layer => layer.ToArray())];

    [Fact]
    public void The_dearest_steps_are_bought_and_the_last_one_in_part()
    {
        var waterline = new Waterline(2, total: 10);
        Assert.Empty(waterline.Admit(Offered([(9, 4), (2, 4)], [(5, 3), (1, 5)])));
        Assert.Equal([[7, 3]], Entries(waterline));                     // 4 + 3, then 3 of the 4 at price 2
        Assert.Equal([new CutBack(0, 0, 4), new CutBack(0, 1, 2)], waterline.Admit(Offered([(6, 4)], [(2, 9)])));
        Assert.Equal([[4, 2], [4, 0]], Entries(waterline));             // 4 at 9, 4 at 6, 2 of the 3 at 5
        Assert.Equal(5, waterline.Floor);
    }

    [Fact]
    public void A_whole_step_is_bought_or_not_and_nothing_cheaper_takes_its_room()
    {
        var waterline = new Waterline(1, total: 10, whole: true);
        waterline.Admit(Offered([(9, 8), (5, 8)]));
        Assert.Equal([[8]], Entries(waterline));
        waterline.Admit(Offered([(4, 2)]));                             // would fit, but is cheaper than what did not
        Assert.Equal([[8], [0]], Entries(waterline));
    }

    [Fact]
    public void Of_equal_prices_the_lower_layer_head_and_step_is_bought_first()
    {
        var waterline = new Waterline(2, total: 4);
        waterline.Admit(Offered([(1, 1), (1, 1)], [(1, 1), (1, 1)]));
        waterline.Admit(Offered([(1, 1), (1, 1)], [(1, 1), (1, 1)]));
        Assert.Equal([[2, 2], [0, 0]], Entries(waterline));
        var fewer = new Waterline(2, total: 3);
        fewer.Admit(Offered([(1, 1), (1, 1)], [(1, 1), (1, 1)]));
        Assert.Equal([[2, 1]], Entries(fewer));
    }

    [Fact]
    public void A_threshold_buys_whatever_is_dearer_and_infinity_is_bought_beyond_the_total()
    {
        var threshold = new Waterline(2, total: null, above: 0.1);
        threshold.Admit(Offered([(0.5, 100), (0.1, 100)], [(0.05, 3)]));
        Assert.Equal([[100, 0]], Entries(threshold));
        var held = new Waterline(2, total: 5, whole: true);
        held.Admit(Offered([(double.PositiveInfinity, 4), (9, 1)], [(double.PositiveInfinity, 4)]));
        Assert.Equal([[4, 4]], Entries(held));
        var exact = new Waterline(2, total: 5);
        exact.Admit(Offered([(double.PositiveInfinity, 4), (9, 1)], [(double.PositiveInfinity, 4)]));
        Assert.Equal([[4, 1]], Entries(exact));                         // never more than the total
    }

    [Fact]
    public void Steps_that_no_line_can_rank_are_refused()
    {
        string Refused(params (double, int, int?)[] steps) => Assert.Throws<LabException>(() =>
        {
            var bids = new Bids(1);
            foreach (var (price, entries, cost) in steps) bids.Offer(0, price, entries, cost);
        }).Message;
        Assert.Contains("price 2 after 1 for head 0", Refused((1, 1, null), (2, 1, null)));
        Assert.Contains("step of 0 entries", Refused((1, 0, null)));
        Assert.Contains("step of -1 entries", Refused((1, -1, 4)));
        Assert.Contains("step of 4 entries that costs 3", Refused((1, 4, 3)));
        var bids = Offered([(double.NaN, 1)], [(-1e300, 1)]);
        var waterline = new Waterline(2, total: 1);
        waterline.Admit(bids);
        Assert.Equal([[0, 1]], Entries(waterline));                     // NaN is the cheapest
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public void The_running_choice_is_the_choice_over_the_whole_model(bool whole)
    {
        var random = new Random(11);
        for (var trial = 0; trial < 1000; trial++)
        {
            int layers = random.Next(1, 6), heads = random.Next(1, 4), prices = random.Next(2, 12);
            var model = Enumerable.Range(0, layers).Select(_ => Enumerable.Range(0, heads).Select(_ => Steps()).ToArray()).ToArray();
            long total = random.Next(0, 60);
            var waterline = new Waterline(heads, total, whole: whole);
            var before = new List<int[]>();
            for (var layer = 0; layer < layers; layer++)
            {
                var cut = waterline.Admit(Offered(model[layer]));
                var now = Entries(waterline);
                for (var l = 0; l < layer; l++)
                    for (var h = 0; h < heads; h++)
                    {
                        Assert.True(now[l][h] <= before[l][h]);          // nothing grows
                        Assert.Equal(now[l][h] < before[l][h], cut.Contains(new(l, h, now[l][h])));
                    }
                before = [.. now];
            }
            Assert.Equal(AtOnce(model, total, whole), Entries(waterline));

            (double, int)[] Steps()
            {
                var steps = Enumerable.Range(0, random.Next(0, 6)).Select(_ => ((double)random.Next(prices), random.Next(1, 7))).OrderByDescending(step => step.Item1).ToArray();
                return steps.Length > 0 && random.Next(5) == 0 ? [(double.PositiveInfinity, 2), .. steps] : steps;
            }
        }
    }

    /// <summary>The rule as it is written: all steps of the model in one list, bought from the dearest until the next exceeds the total.</summary>
    private static int[][] AtOnce((double Price, int Entries)[][][] model, long total, bool whole)
    {
        var entries = model.Select(layer => new int[layer.Length]).ToArray();
        var all = from l in Enumerable.Range(0, model.Length) from h in Enumerable.Range(0, model[l].Length) from s in Enumerable.Range(0, model[l][h].Length)
                  orderby model[l][h][s].Price descending, l, h, s
                  select (l, h, model[l][h][s].Price, model[l][h][s].Entries);
        foreach (var (l, h, price, count) in all)
        {
            if (count <= total || (whole && double.IsPositiveInfinity(price)))
            {
                entries[l][h] += count;
                total -= count;
                continue;
            }
            if (!whole) entries[l][h] += (int)Math.Max(0, total);
            break;
        }
        return entries;
    }
}
