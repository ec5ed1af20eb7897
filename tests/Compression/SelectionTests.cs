using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Compression;

public class SelectionTests
{
    private static int[] Best(float[] scores, int count)
    {
        var chosen = new int[Math.Max(count, scores.Length)];
        return chosen[..Selection.Best(scores, count, chosen)];
    }

    /// <summary>The definition: sort by score, later positions first among equals, NaN last; report ascending.</summary>
    private static int[] BySorting(float[] scores, int count) =>
        [.. Enumerable.Range(0, scores.Length)
            .OrderByDescending(j => float.IsNaN(scores[j]) ? 0 : 1).ThenByDescending(j => scores[j]).ThenByDescending(j => j)
            .Take(count).Order()];

    [Fact]
    public void By_hand()
    {
        Assert.Equal([1, 3, 4], Best([0.1f, 0.5f, 0.2f, 0.4f, 0.3f], 3));
        Assert.Equal([2, 3], Best([1, 1, 1, 1], 2)); // equal scores: the later ones
        Assert.Equal([0, 3], Best([2, 1, 1, 1], 2));
        Assert.Equal([1, 2], Best([float.NaN, -5, float.NegativeInfinity], 2)); // NaN is the lowest
        Assert.Equal([1, 2], Best([BitConverter.UInt32BitsToSingle(0x7FC00000), 5, float.PositiveInfinity], 2)); // whatever its sign
        Assert.Equal([0, 1, 2], Best([3, 2, 1], 7));
        Assert.Empty(Best([3, 2, 1], 0));
        Assert.Equal([1], Best([0f, -0f], 1)); // the zeros are equal
    }

    [Fact]
    public void Equals_sorting_on_random_scores_with_ties()
    {
        var random = new Random(1);
        for (var trial = 0; trial < 500; trial++)
        {
            var scores = new float[random.Next(1, 400)];
            var kind = random.Next(4);
            for (var j = 0; j < scores.Length; j++)
                scores[j] = kind switch
                {
                    0 => random.NextSingle(),
                    1 => random.Next(5),
                    2 => (float)Math.Exp(40 * (random.NextDouble() - 0.5)) * (random.Next(2) * 2 - 1),
                    _ => random.Next(9) == 0 ? float.NaN : random.Next(3) - 1,
                };
            var count = random.Next(scores.Length + 1);
            Assert.Equal(BySorting(scores, count), Best(scores, count));
        }
    }

    [Fact]
    public void A_larger_choice_contains_the_smaller()
    {
        var random = new Random(2);
        var scores = Enumerable.Range(0, 200).Select(_ => (float)random.Next(20)).ToArray();
        for (var count = 1; count < 200; count++) Assert.Subset(Best(scores, count).ToHashSet(), Best(scores, count - 1).ToHashSet());
    }

    [Fact]
    public void Pooling_by_hand()
    {
        float[] max = [1, 5, 2, 0, 3];
        new Pooling(3, PoolingKind.Max).Apply(max);
        Assert.Equal([5f, 5, 5, 3, 3], max);
        float[] average = [3, 6, 0, 9];
        new Pooling(3, PoolingKind.Average).Apply(average); // borders are lowered: (0 + 3 + 6) / 3
        Assert.Equal([3f, 3, 5, 3], average);
        float[] one = [3, 1];
        new Pooling(1).Apply(one);
        Assert.Equal([3f, 1], one);
        float[] shorter = [3, 1];
        new Pooling(7).Apply(shorter);
        Assert.Equal([3f, 3], shorter);
        Assert.Throws<LabException>(() => new Pooling(4));
        Assert.Throws<LabException>(() => new Pooling(0));
    }

    [Fact]
    public void Ada_with_equal_rows_is_uniform_and_counts_always_sum()
    {
        var random = new Random(3);
        var row = Enumerable.Range(0, 90).Select(_ => random.NextSingle()).ToArray();
        var equal = row.Concat(row).Concat(row).ToArray();
        Assert.Equal([20, 20, 20], new HeadKvLab.Compression.Allocators.Ada().Competition(new HeadRows<float>(equal, 3, 90), 20));
        var alike = new float[270];
        Assert.Equal([20, 20, 20], new HeadKvLab.Compression.Allocators.Ada().Competition(new HeadRows<float>(alike, 3, 90), 20));
        foreach (var normalize in new[] { true, false })
        {
            var mixed = equal.Select(s => s * random.NextSingle()).ToArray();
            var counts = new HeadKvLab.Compression.Allocators.Ada(0.2, normalize).Competition(new HeadRows<float>(mixed, 3, 90), 20);
            Assert.Equal(60, counts.Sum());
            Assert.NotEqual([20, 20, 20], counts);
        }
    }

    [Fact]
    public void Ada_by_hand()
    {
        // two heads, b' = 2: the four largest of {9 8 7 1 | 6 2 2 2} are 9 8 7 6: k = 3, 1; f = 0.5: 3*0.5 + 1, 1*0.5 + 1
        float[] scores = [9, 8, 7, 1, 6, 2, 2, 2];
        var (wanted, claims) = (new double[2], new double[2]);
        var frame = new BudgetFrame(1, 2, 6, 2, 2, 8);
        new HeadKvLab.Compression.Allocators.Ada(0.5, false).Allocate(frame, new HeadRows<float>(scores, 2, 4), new Allotment(wanted, claims));
        Assert.Equal([2.5, 1.5], wanted);
        new HeadKvLab.Compression.Allocators.Ada(1, false).Allocate(frame, new HeadRows<float>(scores, 2, 4), new Allotment(wanted, claims));
        Assert.Equal([2.0, 2.0], wanted); // floor 1 is uniform
    }
}
