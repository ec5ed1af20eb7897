using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Statistics;

/// <summary>Ends of intervals and probabilities whose exact distribution is known.</summary>
public sealed class ResamplingTests
{
    private static Interval Ones(int ones, int of, int seed = 1) => Bootstrap.Mean(Enumerable.Range(0, of).Select(i => ($"{i}", i < ones ? 1.0 : 0)), seed);

    /// <summary>A resampled sum of nine is binomial. Of 3 in 9: P(at most 5) = 0.958, P(at most 6) = 0.992, so the 97.5th percentile is 6. Of 6 in 9: P(at most 2) = 0.008, P(at most 3) = 0.042: the 2.5th is 3.</summary>
    [Fact]
    public void The_ends_are_the_binomials()
    {
        for (var seed = 1; seed <= 5; seed++) Assert.Equal((6 / 9.0, 3 / 9.0), (Ones(3, 9, seed).High, Ones(6, 9, seed).Low));
        Assert.Equal((3 / 9.0, 9), (Ones(3, 9).Mean, Ones(3, 9).Samples));
    }

    [Fact]
    public void The_order_of_samples_is_nothing_and_the_seed_is_something()
    {
        var random = new Random(2);
        (string, double)[] samples = [.. Enumerable.Range(0, 60).Select(i => ($"c{i / 3}", random.NextDouble()))];
        Assert.Equal(Bootstrap.Mean(samples).Low, Bootstrap.Mean(samples.Reverse()).Low, 12);
        Assert.Equal(Bootstrap.Mean(samples, 4), Bootstrap.Mean(samples, 4));
        Assert.NotEqual(Bootstrap.Mean(samples, 4).Low, Bootstrap.Mean(samples, 5).Low);
        var flips = Enumerable.Range(0, 70).Select(i => ($"c{i}", random.NextDouble() - 0.5)).ToArray();
        Assert.Equal(PairedTest.Of(flips).P, PairedTest.Of([.. flips.Reverse()]).P);
        Assert.NotEqual(PairedTest.Of(flips, seed: 4).P, PairedTest.Of(flips, seed: 5).P);
    }

    /// <summary>What a context flips is the sum of its questions: 3, 2 and -2.5, together 2.5; six of the eight signs reach that far.</summary>
    [Fact]
    public void A_context_weighs_the_sum_of_its_questions() => Assert.Equal(0.75, PairedTest.Of([("a", 1), ("a", 1), ("a", 1), ("b", 2), ("c", -2.5)]).P);

    [Fact]
    public void An_interval_is_written_with_two_decimals() => Assert.Equal("0.62 [0.55, 0.70]", new Interval(0.6249, 0.551, 0.6951, 9).ToString());

    [Fact]
    public void A_difference_is_over_the_questions_of_both()
    {
        var ours = Enumerable.Range(0, 4).Select(i => SomeRows.Row(i, 1)).Append(SomeRows.Row(9, 1)).Append(SomeRows.Row(0, 1, dataset: "e"));
        var theirs = Enumerable.Range(0, 4).Select(i => SomeRows.Row(i, i * 0.25)).Append(SomeRows.Row(8, 1)).Append(SomeRows.Row(0, 1, dataset: "e") with { Suite = "t" });
        var difference = Bootstrap.Difference(ours, theirs);
        Assert.Equal((0.625, 4), (difference.Mean, difference.Samples));
        Assert.Throws<ArgumentException>(() => Bootstrap.Difference(ours, []));
    }

    /// <summary>130 contexts of one half each, more than one draw of bits holds. 78 of them plus make a sum of 13, 2.28 deviations: p = 0.0279 by the binomial.</summary>
    [Fact]
    public void More_contexts_than_bits_flip_independently()
    {
        var paired = PairedTest.Of([.. Enumerable.Range(0, 130).Select(i => ($"c{i}", i < 78 ? 0.5 : -0.5))]);
        Assert.InRange(paired.P, 0.0279 - 0.005, 0.0279 + 0.005);
        Assert.Equal(130, paired.Clusters);
    }

    /// <summary>Seventeen contexts are drawn, sixteen are counted: 2 / 2^16 all on one side, and 1 / 20,001 at least.</summary>
    [Fact]
    public void Sixteen_contexts_are_counted_exactly()
    {
        Assert.Equal(2 / 65536.0, PairedTest.Of([.. Enumerable.Range(0, 16).Select(i => ($"c{i}", 1.0))]).P);
        Assert.InRange(PairedTest.Of([.. Enumerable.Range(0, 17).Select(i => ($"c{i}", 1.0))]).P, 1 / 20_001.0, 6 / 20_001.0);
    }

    [Theory]
    [InlineData(1, 1.0), InlineData(2, 0.5), InlineData(6, 0.03125)]
    public void The_smallest_probability_halves_with_each_context(int contexts, double p) => Assert.Equal(p, Reach.SmallestP(contexts));
}
