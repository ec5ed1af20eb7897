using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Bidders;

namespace HeadKvLab.Tests.Compression;

/// <summary>Entries that compete one by one, by hand and against sorting all of them.</summary>
public sealed class EachEntryTests
{
    /// <summary>Entries of each head, <c>[layer][head]</c>, when so many of all are kept.</summary>
    private static int[][] Kept(Rivals among, float[][][] scores, int total)
    {
        var (heads, n) = (scores[0].Length, scores[0][0].Length);
        var (waterline, frame) = (new Waterline(heads, total), new BudgetFrame(scores.Length, heads, n + 1, 1, 1, total));
        for (var layer = 0; layer < scores.Length; layer++)
        {
            var bids = new Bids(heads, waterline.Floor);
            new EachEntry(among).Bid(frame, new LayerView(layer, null!, null!, null!, 1), new HeadRows<float>([.. scores[layer].SelectMany(row => row)], heads, n), bids);
            waterline.Admit(bids);
        }
        return [.. waterline.Entries.Select(layer => layer.ToArray())];
    }

    /// <summary>Of equal scores the later position stays, then the lower head, then the lower layer: two layers of two heads and three positions, all alike.</summary>
    [Theory]
    [InlineData(4, 1, 1, 1, 1), InlineData(5, 2, 1, 1, 1), InlineData(6, 2, 1, 2, 1), InlineData(7, 2, 2, 2, 1), InlineData(9, 3, 2, 2, 2), InlineData(10, 3, 2, 3, 2), InlineData(1, 1, 0, 0, 0), InlineData(3, 1, 1, 1, 0)]
    public void Ties_by_hand(int total, params int[] expected) =>
        Assert.Equal(expected, Kept(Rivals.Model, [[[5, 5, 5], [5, 5, 5]], [[5, 5, 5], [5, 5, 5]]], total).SelectMany(layer => layer));

    /// <summary>Head 1 of layer 1 has the best: of the model it takes all 4, of its layer 2 of 2, alone as many as the others.</summary>
    [Fact]
    public void Who_competes()
    {
        float[][][] scores = [[[1, 2, 3, 4], [0, 0, 1, 5]], [[2, 2, 1, 0], [9, 8, 7, 6]]];
        Assert.Equal([[0, 0], [0, 4]], Kept(Rivals.Model, scores, 4));
        Assert.Equal([[1, 1], [0, 2]], Kept(Rivals.Layer, scores, 4));
        Assert.Equal([[1, 1], [1, 1]], Kept(Rivals.Head, scores, 4));
        Assert.Equal([[0, 1], [0, 4]], Kept(Rivals.Model, scores, 5));
    }

    /// <summary>A NaN is the least; sinks of KVzip score 1, and so may others.</summary>
    [Fact]
    public void NaN_goes_first() => Assert.Equal([[1, 2]], Kept(Rivals.Model, [[[float.NaN, 1, float.NaN], [float.NegativeInfinity, 1, 0]]], 3));

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void The_choice_is_that_of_sorting_all_entries_of_the_model(int seed)
    {
        var random = new Random(seed);
        float[][][] scores = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, 50).Select(_ => (float)random.Next(6)).ToArray()).ToArray())];
        var sorted = (from layer in Enumerable.Range(0, 4) from head in Enumerable.Range(0, 3) from position in Enumerable.Range(0, 50) select (layer, head, position))
            .OrderByDescending(one => scores[one.layer][one.head][one.position]).ThenByDescending(one => one.position).ThenBy(one => one.head).ThenBy(one => one.layer).ToArray();
        foreach (var total in (int[])[0, 1, 17, 300, 599, 600])
            Assert.Equal(Enumerable.Range(0, 12).Select(i => sorted.Take(total).Count(one => one.layer * 3 + one.head == i)), Kept(Rivals.Model, scores, total).SelectMany(layer => layer));
        foreach (var (among, group) in ((Rivals, int)[])[(Rivals.Layer, 3), (Rivals.Head, 1)])
            Assert.All(Kept(among, scores, 240).SelectMany(layer => layer).Chunk(group), heads => Assert.Equal(20 * group, heads.Sum()));
    }
}
